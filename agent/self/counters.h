// Every number the agent counts of itself, in one place: drops by reason and uid, repairs, errors.
// `sluice status` shows them all. Names are `component.event`, e.g. `admission.dropped`; reasons
// are stable words in snake_case; docs/operations.md lists them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/base/mutex.h"

namespace sluice {

// Thread-safe. A map behind a lock: for what happens rarely. What happens for every record is
// counted by its component in a plain member or an atomic and added up when asked. Of so many uids
// each has its own numbers; of more, which a host has under attack, they are added up.
class Counters {
 public:
  struct Value {
    std::string name;
    std::string reason;        // empty: the counter has none
    std::optional<uid_t> uid;  // absent: not kept by uid, or of all beyond kMaxUids
    uint64_t count = 0;
  };

  // Those counted first, and 0.
  static constexpr size_t kMaxUids = 512;

  void Add(absl::string_view name, absl::string_view reason = {}, std::optional<uid_t> uid = {},
           uint64_t count = 1);

  // Sum over all reasons and uids of `name`, or of one reason.
  uint64_t Total(absl::string_view name) const;
  uint64_t Total(absl::string_view name, absl::string_view reason) const;

  // Sorted by name, reason, uid.
  std::vector<Value> Snapshot() const;

 private:
  using Key = std::tuple<std::string, std::string, std::optional<uid_t>>;

  mutable Mutex mutex_;
  std::map<Key, uint64_t> counts_ GUARDED_BY(mutex_);
  std::set<uid_t> uids_ GUARDED_BY(mutex_);
};

}  // namespace sluice
