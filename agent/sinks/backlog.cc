#include "agent/sinks/backlog.h"

#include <vector>

namespace sluice::sinks {
namespace {

// Of one user: twice what any sink may have before it. A sink that is further behind counts too
// little, which is more than enough.
constexpr size_t kMostGroups = 4'096;
// Users that are looked through only once there are so many, and that are kept at all.
constexpr size_t kFewUsers = 64;
constexpr size_t kMostUsers = 4'096;

}  // namespace

bool Backlog::User::Add(uint64_t sequence, uint64_t units) {
  last = sequence;
  total += units;
  const uint64_t before = groups.size() > 1 ? groups[groups.size() - 2].total : forgotten;
  const bool is_full = !groups.empty() && groups.back().total - before >= kGroupUnits;
  if (groups.empty() || is_full) {
    groups.push_back({sequence, total});
    if (groups.size() > kMostGroups) {
      forgotten = groups.front().total;
      groups.pop_front();
    }
  } else {
    groups.back() = {sequence, total};
  }
  const uint64_t begin = groups.size() > 1 ? groups[groups.size() - 2].total : forgotten;
  return total - begin >= kGroupUnits;
}

uint64_t Backlog::User::UnitsAfter(uint64_t sequence) const {
  const auto next = std::partition_point(
      groups.begin(), groups.end(), [&](const Group& group) { return group.last <= sequence; });
  return total - (next == groups.begin() ? forgotten : std::prev(next)->total);
}

void Backlog::User::Forget(uint64_t sequence) {
  while (!groups.empty() && groups.front().last <= sequence) {
    forgotten = groups.front().total;
    groups.pop_front();
  }
}

bool Backlog::Append(uint64_t sequence, uid_t uid, uint64_t units) {
  last_ = sequence;
  User& user = users_[uid];
  if (uid != 0) return user.Add(sequence, units);
  user.last = sequence;
  return false;
}

uint64_t Backlog::LastOf(uid_t uid) const {
  const auto found = users_.find(uid);
  return found == users_.end() ? unknown_ : found->second.last;
}

uint64_t Backlog::UnitsAfter(uid_t uid, uint64_t sequence) const {
  const auto found = users_.find(uid);
  return found == users_.end() ? 0 : found->second.UnitsAfter(sequence);
}

void Backlog::Forget(uint64_t counted, uint64_t all) {
  for (auto& [uid, user] : users_) user.Forget(counted);
  if (users_.size() <= kFewUsers) return;
  users_.EraseIf([&](const auto& entry) {
    const bool is_over = entry.second.last <= all;
    if (is_over) unknown_ = std::max(unknown_, entry.second.last);
    return is_over;
  });
  if (users_.size() > kMostUsers) ForgetOldest();
}

// Half of them. A flush of theirs then waits for more than their own.
void Backlog::ForgetOldest() {
  std::vector<uint64_t> lasts;
  lasts.reserve(users_.size());
  for (const auto& [uid, user] : users_) lasts.push_back(user.last);
  const auto middle = lasts.begin() + static_cast<ptrdiff_t>(lasts.size() / 2);
  std::nth_element(lasts.begin(), middle, lasts.end());
  unknown_ = std::max(unknown_, *middle);
  users_.EraseIf([&](const auto& entry) { return entry.second.last <= *middle; });
}

}  // namespace sluice::sinks
