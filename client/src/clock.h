// Unix time that never jumps: CLOCK_BOOTTIME plus its distance from CLOCK_REALTIME at one moment.
// Both are read without a system call.
#pragma once

#include <cstdint>
#include <ctime>

namespace sluice {

class Clock {
 public:
  // Takes the pair now.
  Clock() : realtime_(Read(CLOCK_REALTIME)), boottime_(Read(CLOCK_BOOTTIME)) {}

  uint64_t UnixNano() const { return Read(CLOCK_BOOTTIME) + distance_; }

  // The pair, for Hello.
  uint64_t realtime() const { return realtime_; }
  uint64_t boottime() const { return boottime_; }

 private:
  static uint64_t Read(clockid_t clock) {
    timespec now;
    clock_gettime(clock, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
  }

  const uint64_t realtime_;
  const uint64_t boottime_;
  const uint64_t distance_ = realtime_ - boottime_;
};

}  // namespace sluice
