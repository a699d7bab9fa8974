// How many bytes may be held at once for all peers and for each uid, so that no uid's unfinished
// messages exhaust the agent's memory.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <utility>

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

  // For work that is done for one user at a time: counts for all users together, and not as the
  // uid's. Root's is not limited.
  bool ChargeWork(uid_t uid, size_t bytes);
  void ReleaseWork(uid_t uid, size_t bytes);
  // Whether it can be charged when nobody holds anything.
  bool CanEverCharge(uid_t uid, size_t bytes) const {
    return bytes <= limits_.per_uid && CanEverChargeWork(uid, bytes);
  }
  bool CanEverChargeWork(uid_t uid, size_t bytes) const {
    return uid == 0 || bytes <= limits_.total;
  }

  size_t used() const { return used_; }
  size_t used_by(uid_t uid) const;

 private:
  bool HasRoom(uid_t uid, size_t bytes) const;

  const Limits limits_;
  size_t used_ = 0;
  ByUser<size_t> by_uid_;
};

// Holders whose size grows byte by byte charge whole steps, so that small ones cost the budget
// nothing.
constexpr size_t WholeChargeSteps(size_t bytes) { return bytes - bytes % (16 * 1024); }

// What one holder has charged, released with it.
class Charge {
 public:
  Charge() = default;
  // `budget` outlives it.
  Charge(ByteBudget* budget, uid_t uid) : budget_(budget), uid_(uid) {}
  Charge(Charge&& other) noexcept { *this = std::move(other); }
  Charge& operator=(Charge&& other) noexcept;
  ~Charge() { Release(); }

  // False, and nothing changed: it would exceed a limit.
  bool Resize(size_t bytes);
  void Release();
  size_t bytes() const { return bytes_; }

 private:
  ByteBudget* budget_ = nullptr;
  uid_t uid_ = 0;
  size_t bytes_ = 0;
};

}  // namespace sluice::net
