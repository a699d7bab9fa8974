// Both locks of a pool file, held for the life of the object. flock(2) excludes cloud-init and
// azure-init, an open-file-description lock excludes hv_kvp_daemon; neither excludes the others'
// users, so every access takes both, flock first (the order of libazureinit-kvp). Never a classic
// POSIX lock: closing any other descriptor of the file would drop it.
#pragma once

#include <cstdint>
#include <string>

#include "proto/kvp/result.h"
#include "proto/kvp/syscalls.h"

namespace sluice::kvp {

enum class LockMode { kShared, kExclusive };

class PoolLock {
 public:
  // Waits until `deadline_nano` (PoolSyscalls::NowNano), polling with growing pauses since neither
  // blocking form has a timeout. ETIMEDOUT when somebody else holds on; `path` is for the
  // message. `fd` must be open for reading, for writing too if exclusive, and outlive the lock.
  static PoolResult<PoolLock> Acquire(PoolSyscalls* syscalls, int fd, LockMode mode,
                                      uint64_t deadline_nano, const std::string& path);

  PoolLock(PoolLock&& other) noexcept;
  PoolLock& operator=(PoolLock&&) = delete;
  ~PoolLock();

 private:
  PoolLock(PoolSyscalls* syscalls, int fd) : syscalls_(syscalls), fd_(fd) {}

  PoolSyscalls* syscalls_;
  int fd_;  // -1: moved from
};

}  // namespace sluice::kvp
