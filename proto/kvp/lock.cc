#include "proto/kvp/lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace sluice::kvp {
namespace {

constexpr uint64_t kFirstPauseNano = 50'000;
constexpr uint64_t kLongestPauseNano = 5'000'000;

// Repeats `try_lock`, which must not block, until it succeeds, fails or the deadline passes.
template <typename TryLock>
PoolError Wait(PoolSyscalls* syscalls, uint64_t deadline_nano, const std::string& what,
               TryLock try_lock) {
  for (uint64_t pause = kFirstPauseNano; try_lock() < 0;
       pause = std::min(2 * pause, kLongestPauseNano)) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK && errno != EACCES) return PoolErrno(what);
    const uint64_t now = syscalls->NowNano();
    if (now >= deadline_nano) {
      return {ETIMEDOUT, what + ": held by another program"};
    }
    syscalls->SleepNano(std::min(pause, deadline_nano - now));
  }
  return {};
}

}  // namespace

PoolResult<PoolLock> PoolLock::Acquire(PoolSyscalls* syscalls, int fd, LockMode mode,
                                       uint64_t deadline_nano, const std::string& path) {
  const bool exclusive = mode == LockMode::kExclusive;
  PoolError error = Wait(syscalls, deadline_nano, "flock " + path, [&] {
    return syscalls->Flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB);
  });
  if (!error.ok()) return error;
  error = Wait(syscalls, deadline_nano, "fcntl lock " + path,
               [&] { return syscalls->OfdSetLock(fd, exclusive ? F_WRLCK : F_RDLCK); });
  if (!error.ok()) {
    syscalls->Flock(fd, LOCK_UN);
    return error;
  }
  return PoolLock(syscalls, fd);
}

PoolLock::PoolLock(PoolLock&& other) noexcept
    : syscalls_(other.syscalls_), fd_(std::exchange(other.fd_, -1)) {}

PoolLock::~PoolLock() {
  if (fd_ < 0) return;
  syscalls_->OfdSetLock(fd_, F_UNLCK);
  syscalls_->Flock(fd_, LOCK_UN);
}

}  // namespace sluice::kvp
