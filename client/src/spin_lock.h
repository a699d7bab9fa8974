// A lock for a few instructions, which costs no system call unless its holder lost the processor.
#pragma once

#include <atomic>
#include <cstdint>

namespace sluice {

// What to do before trying again: at first nothing much, then give up the processor. It ends up
// sleeping, since a thread of real-time priority that only yields would starve the holder.
class SpinWait {
 public:
  void Once();

 private:
  uint32_t rounds_ = 0;
};

class SpinLock {
 public:
  void Lock() {
    SpinWait wait;
    while (is_held_.exchange(true, std::memory_order_acquire)) wait.Once();
  }
  void Unlock() { is_held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> is_held_{false};
};

class SpinLockScope {
 public:
  explicit SpinLockScope(SpinLock* lock) : lock_(lock) { lock_->Lock(); }
  ~SpinLockScope() { lock_->Unlock(); }
  SpinLockScope(const SpinLockScope&) = delete;
  SpinLockScope& operator=(const SpinLockScope&) = delete;

 private:
  SpinLock* const lock_;
};

}  // namespace sluice
