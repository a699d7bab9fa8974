#include "agent/base/shared_limit.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr uint64_t kUsersOfSmallParts = 64;

}  // namespace

uint64_t SharedLimit::SmallPart(uint64_t held) const {
  return std::min(held, SmallParts() / kUsersOfSmallParts);
}

bool SharedLimit::HasRoom(uint64_t held, uint64_t more) const {
  const uint64_t own = SmallPart(held + more);
  const uint64_t beyond = held + more - own;
  const uint64_t small = small_ + own - SmallPart(held);
  if (beyond == 0 && small <= SmallParts()) return true;
  const uint64_t rest = held_ + more - std::min(small, SmallParts());
  return beyond + rest <= limit_ - SmallParts();
}

void SharedLimit::Change(uint64_t before, uint64_t after) {
  held_ += after - before;
  small_ += SmallPart(after) - SmallPart(before);
}

}  // namespace sluice
