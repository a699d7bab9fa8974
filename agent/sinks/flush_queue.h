// Who waits for a sink to get somewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "agent/base/mutex.h"

namespace sluice::sinks {

// Thread-safe.
class FlushQueue {
 public:
  using Done = std::function<void(absl::Status)>;

  // How far the sink has got: everything, and root's entries, are written up to there.
  struct Place {
    uint64_t all = 0;
    uint64_t roots = 0;
  };

  // `done` is called by Answer once everything up to `sequence` is written, or with `roots_only`
  // everything of root's. Returns what Cancel takes.
  uint64_t Add(uint64_t sequence, bool roots_only, Done done) EXCLUDES(mutex_);
  // The same for root's entries where nobody waits for an answer; of several the last one counts.
  void AddForNobody(uint64_t sequence) EXCLUDES(mutex_);
  void Cancel(uint64_t id) EXCLUDES(mutex_);

  // Calls back all that are due.
  void Answer(const Place& place, const absl::Status& status) EXCLUDES(mutex_);

  bool IsDue(const Place& place) const EXCLUDES(mutex_);
  bool IsRootsDue(const Place& place) const EXCLUDES(mutex_);
  // The last entry that is waited for of root's alone and that is not written; 0: none.
  uint64_t RootsWanted(const Place& place) const EXCLUDES(mutex_);
  size_t size() const EXCLUDES(mutex_);

 private:
  struct Request {
    uint64_t id = 0;
    uint64_t sequence = 0;
    bool roots_only = false;
    Done done;

    bool IsDue(const Place& place) const {
      return sequence <= (roots_only ? place.roots : place.all);
    }
  };

  mutable Mutex mutex_;
  std::vector<Request> requests_ GUARDED_BY(mutex_);
  uint64_t last_id_ GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::sinks
