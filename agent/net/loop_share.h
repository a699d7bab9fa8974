// What each uid takes of the loop's time, and who has to wait.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"

namespace sluice::net {

// Two rules. Within a turn a uid reads no more by many connections than by one. Over time a uid may
// spend a small share of the loop's time on work that comes to nothing: pings, broken requests,
// connections that never ask. Once it has spent more, it is overdrawn until time has paid for it,
// and is not read from. What it spends on requests that are taken is not limited here.
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

  // How many of the uid's connections want to read in a turn, by the last turn and this one, the
  // caller's included: what one of them takes at once is divided by it. `turn` is any number that
  // differs from turn to turn.
  size_t ShareRead(uid_t uid, uint64_t turn);

  // The loop worked `nanos` for nothing. Returns whether that overdrew the uid.
  bool Waste(uid_t uid, uint64_t nanos, uint64_t now);
  bool IsOverdrawn(uid_t uid, uint64_t now) const;

  // The uid has no connection left. What it wasted stays.
  void Leave(uid_t uid) { reads_.erase(uid); }

 private:
  struct Reads {
    uint64_t turn = 0;
    size_t now = 0;
    size_t before = 0;
  };

  const Limits limits_;
  absl::flat_hash_map<uid_t, Reads> reads_;
  // When what the uid wasted will be paid for. In the past: nothing is due.
  absl::flat_hash_map<uid_t, uint64_t> paid_at_;
};

}  // namespace sluice::net
