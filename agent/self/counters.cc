#include "agent/self/counters.h"

namespace sluice {

void Counters::Add(absl::string_view name, absl::string_view reason, std::optional<uid_t> uid,
                   uint64_t count) {
  if (count == 0) return;
  MutexLock lock(&mutex_);
  if (uid.value_or(0) != 0 && !uids_.contains(*uid)) {
    if (uids_.size() < kMaxUids) {
      uids_.insert(*uid);
    } else {
      uid.reset();
    }
  }
  counts_[Key(name, reason, uid)] += count;
}

uint64_t Counters::Total(absl::string_view name) const {
  MutexLock lock(&mutex_);
  uint64_t total = 0;
  for (const auto& [key, count] : counts_) {
    if (std::get<0>(key) == name) total += count;
  }
  return total;
}

uint64_t Counters::Total(absl::string_view name, absl::string_view reason) const {
  MutexLock lock(&mutex_);
  uint64_t total = 0;
  for (const auto& [key, count] : counts_) {
    if (std::get<0>(key) == name && std::get<1>(key) == reason) total += count;
  }
  return total;
}

std::vector<Counters::Value> Counters::Snapshot() const {
  // So many at a time, so that nobody who counts waits for long.
  constexpr size_t kPiece = 256;
  std::vector<Value> values;
  for (size_t before = SIZE_MAX; before != values.size();) {
    before = values.size();
    MutexLock lock(&mutex_);
    auto next = counts_.begin();
    if (!values.empty()) {
      const Value& last = values.back();
      next = counts_.upper_bound(Key(last.name, last.reason, last.uid));
    }
    for (; next != counts_.end() && values.size() < before + kPiece; ++next) {
      const auto& [name, reason, uid] = next->first;
      values.push_back({name, reason, uid, next->second});
    }
  }
  return values;
}

}  // namespace sluice
