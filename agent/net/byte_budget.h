// How many bytes may be held at once for all peers and for each uid, so that no uid's unfinished
// messages exhaust the agent's memory.
#pragma once

#include <sys/types.h>

#include <cstddef>

#include "agent/base/user_of.h"

namespace sluice::net {

// Shared by all that hold bytes on one loop.
class ByteBudget {
 public:
  struct Limits {
    size_t total = 128 * 1024 * 1024;  // of all uids but 0
    // Room for one OTLP request of the largest size and a little more.
    size_t per_uid = 80 * 1024 * 1024;
  };

  explicit ByteBudget(const Limits& limits) : limits_(limits) {}

  // False, and nothing is charged: it would exceed a limit.
  bool Charge(uid_t uid, size_t bytes);
  // At most what was charged.
  void Release(uid_t uid, size_t bytes);

  size_t used() const { return used_; }
  size_t used_by(uid_t uid) const;

 private:
  const Limits limits_;
  size_t used_ = 0;
  ByUser<size_t> by_uid_;
};

}  // namespace sluice::net
