// Measures what a sink's time goes to, by user: reading and filtering the user's records, and the
// part of each commit that their bytes are.
//
// The clock is read once for each run of entries of one user, not for each record.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/mutex.h"
#include "agent/base/user_of.h"

namespace sluice::sinks {

// Used by the worker's thread, but for NanosPerUnit.
class CostMeter {
 public:
  explicit CostMeter(const Clock* clock) : clock_(clock) {}

  // What is done from here on is for `uid`, until another one or Pause. `pending`: bytes that the
  // sink holds.
  bool IsIn(uid_t uid) const { return is_running_ && parts_[current_].uid == uid; }
  void Enter(uid_t uid, size_t pending);
  // So much of the user's is done.
  void Count(uid_t uid, uint64_t units) {
    const bool is_current = current_ < parts_.size() && parts_[current_].uid == uid;
    parts_[is_current ? current_ : PartOf(uid)].units += units;
  }
  // What is done from here on is for nobody, until Enter.
  void Pause(size_t pending);

  // A commit of all that is pending took so long.
  void OnCommit(uint64_t nanos);

  // Makes known what was measured since the last call.
  void Publish() EXCLUDES(mutex_);

  // Thread-safe. At least kLeastNanos: a user's next records may cost more than the last. Before
  // anything was measured, kUnmeasuredNanos: many may begin at once.
  static constexpr uint64_t kLeastNanos = 1'000;
  static constexpr uint64_t kUnmeasuredNanos = 10'000;
  uint64_t NanosPerUnit(uid_t uid) const EXCLUDES(mutex_);

 private:
  struct Part {
    uid_t uid = 0;
    uint64_t units = 0;
    uint64_t nanos = 0;
    uint64_t pending = 0;
  };
  struct Cost {
    uint64_t nanos = 0;
    uint64_t units = 0;
    void Add(const Part& part);
  };

  size_t PartOf(uid_t uid);

  const Clock* const clock_;
  std::vector<Part> parts_;  // since the last Publish
  size_t current_ = 0;       // of parts_
  bool is_running_ = false;
  uint64_t since_ = 0;
  size_t pending_ = 0;  // when the current part began

  mutable Mutex mutex_;
  ByUser<Cost> costs_ GUARDED_BY(mutex_);
  Cost all_ GUARDED_BY(mutex_);
};

}  // namespace sluice::sinks
