#include "agent/base/user_of.h"

#include <algorithm>

namespace sluice {
namespace {

std::vector<SubordinateUids>& Ranges() {
  static std::vector<SubordinateUids>* const ranges = new std::vector<SubordinateUids>;
  return *ranges;
}

}  // namespace

void SetSubordinateUids(std::vector<SubordinateUids> ranges) {
  std::erase_if(ranges, [](const SubordinateUids& range) {
    return range.user == 0 || range.first == 0 || range.last < range.first;
  });
  std::stable_sort(ranges.begin(), ranges.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  Ranges() = std::move(ranges);
}

uid_t UserOf(uid_t uid) {
  const std::vector<SubordinateUids>& ranges = Ranges();
  const auto after =
      std::upper_bound(ranges.begin(), ranges.end(), uid,
                       [](uid_t wanted, const auto& range) { return wanted < range.first; });
  if (after == ranges.begin()) return uid;
  const SubordinateUids& range = *std::prev(after);
  return uid <= range.last ? range.user : uid;
}

}  // namespace sluice
