// What each uid wastes of the loop's time, and who has to wait for it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "agent/base/user_of.h"

namespace sluice::net {

// A uid may spend a small share of the loop's time on work that comes to nothing: pings, broken
// requests, what is refused, connections that never ask. Once it has spent more, it is overdrawn
// until time has paid for it, and is not read from. What it spends on requests that are taken is
// not limited here: others come before it (serving_order.h).
//
// Times in nanoseconds, never falling.
class LoopShare {
 public:
  // Of the loop's time, for each uid's waste; 1000: no limit.
  struct Limits {
    uint32_t permille = 5;
    uint32_t permille_of_root = 1000;
  };

  explicit LoopShare(const Limits& limits) : limits_(limits) {}

  // The loop worked `nanos` for nothing. Returns whether that overdrew the uid.
  bool Waste(uid_t uid, uint64_t nanos, uint64_t now);
  bool IsOverdrawn(uid_t uid, uint64_t now) const;

 private:
  const Limits limits_;
  // When what the uid wasted will be paid for. In the past: nothing is due.
  ByUser<uint64_t> paid_at_;
};

}  // namespace sluice::net
