// A clock that stands still until a test moves it. Both of its times are one. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "agent/base/clock.h"

namespace sluice {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(uint64_t begin = 1) : now(begin) {}

  uint64_t UnixNano() const override { return now; }
  uint64_t BootNano() const override { return now; }
  void Advance(std::chrono::nanoseconds by) { now += static_cast<uint64_t>(by.count()); }

  std::atomic<uint64_t> now;
};

}  // namespace sluice
