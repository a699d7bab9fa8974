#include "client/src/spin_lock.h"

#include <sched.h>

#include <cerrno>
#include <ctime>

namespace sluice {

void SpinWait::Once() {
  constexpr uint32_t kSpins = 200;
  constexpr uint32_t kYields = 20;
  constexpr timespec kNap = {.tv_sec = 0, .tv_nsec = 50'000};
  const int saved_errno = errno;
  if (rounds_ < kSpins) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } else if (rounds_ < kSpins + kYields) {
    sched_yield();
  } else {
    nanosleep(&kNap, nullptr);
  }
  ++rounds_;
  errno = saved_errno;
}

}  // namespace sluice
