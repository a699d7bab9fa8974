#include "agent/self/counters.h"

namespace sluice {

void Counters::Add(absl::string_view name, absl::string_view reason, std::optional<uid_t> uid,
                   uint64_t count) {
  if (count == 0) return;
  MutexLock lock(&mutex_);
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
  MutexLock lock(&mutex_);
  std::vector<Value> values;
  values.reserve(counts_.size());
  for (const auto& [key, count] : counts_) {
    values.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), count});
  }
  return values;
}

}  // namespace sluice
