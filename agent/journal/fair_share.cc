#include "agent/journal/fair_share.h"

#include <algorithm>
#include <vector>

namespace sluice::journal {

FairShare DivideFairly(uint64_t budget, const std::map<uid_t, uint64_t>& held) {
  uint64_t root_held = 0;
  std::vector<uint64_t> others;
  for (const auto& [uid, bytes] : held) {
    if (uid == 0) {
      root_held = bytes;
    } else {
      others.push_back(bytes);
    }
  }
  std::sort(others.begin(), others.end());
  uint64_t left = budget - std::min(root_held, budget / 2);
  for (size_t i = 0; i < others.size(); ++i) {
    const uint64_t level = left / (others.size() - i);
    if (others[i] > level) return {budget / 2, level};
    left -= others[i];
  }
  return {left + std::min(root_held, budget / 2), UINT64_MAX};
}

}  // namespace sluice::journal
