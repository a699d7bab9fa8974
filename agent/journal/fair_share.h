// Max-min fair division of what the journal keeps: who has most loses first, and nobody loses
// anything for as long as somebody has more.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>

namespace sluice::journal {

// How many of its newest bytes each user keeps.
struct FairShare {
  uint64_t root = UINT64_MAX;
  uint64_t other = UINT64_MAX;  // of each user other than root

  uint64_t Of(uid_t uid) const { return uid == 0 ? root : other; }
};

// Divides `budget` bytes among users who hold `held`. Root has half of it for sure, the others what
// root leaves, and root what they leave.
FairShare DivideFairly(uint64_t budget, const std::map<uid_t, uint64_t>& held);

}  // namespace sluice::journal
