#include "client/src/send/mailbox.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

namespace sluice {
namespace {

// Where the kernel or a sandbox refuses membarrier(2), a record may go unseen so long.
constexpr std::chrono::milliseconds kNapWithoutMembarrier{10};

// Of the steady clock, as FUTEX_WAIT_BITSET takes it: absolute.
timespec ToTimespec(rpc::Deadline deadline) {
  const auto since =
      std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch()).count();
  return {.tv_sec = since / 1'000'000'000, .tv_nsec = since % 1'000'000'000};
}

}  // namespace

void FutexWait(const std::atomic<uint32_t>* word, uint32_t expected, rpc::Deadline deadline) {
  const timespec until = ToTimespec(deadline);
  syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected,
          deadline == rpc::Deadline::max() ? nullptr : &until, nullptr, FUTEX_BITSET_MATCH_ANY);
}

void FutexWakeAll(const std::atomic<uint32_t>* word) {
  const int saved_errno = errno;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX);
  errno = saved_errno;
}

bool Mailbox::NotifyInactive() {
  uint32_t seen = state_.load(std::memory_order_relaxed);
  return (seen == kAsleep || seen == kNotStarted) && Wake(seen);
}

bool Mailbox::NotifyUrgent() {
  const uint32_t seen = state_.load(std::memory_order_seq_cst);
  return seen != kAwake && Wake(seen);
}

bool Mailbox::Wake(uint32_t seen) {
  if (!state_.compare_exchange_strong(seen, kAwake)) return false;
  if (seen == kNotStarted) return true;
  wakes_.fetch_add(1, std::memory_order_relaxed);
  FutexWakeAll(&state_);
  return false;
}

void Mailbox::RegisterSleeper() {
  has_membarrier_ = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

void Mailbox::BeginSleep(State state) {
  state_.store(state, std::memory_order_seq_cst);
  if (has_membarrier_) syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

void Mailbox::Sleep(State state, rpc::Deadline deadline) {
  if (!has_membarrier_) {
    deadline = std::min(deadline, std::chrono::steady_clock::now() + kNapWithoutMembarrier);
  }
  while (state_.load(std::memory_order_relaxed) == state &&
         std::chrono::steady_clock::now() < deadline) {
    FutexWait(&state_, state, deadline);
  }
  StayAwake();
}

}  // namespace sluice
