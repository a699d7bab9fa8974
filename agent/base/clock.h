// The one door to time. Code that decides by time takes a Clock; tests hand it a FakeClock.
#pragma once

#include <cstdint>

namespace sluice {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // CLOCK_REALTIME, nanoseconds since the Unix epoch. May jump.
  virtual uint64_t UnixNano() const = 0;
  // CLOCK_BOOTTIME, nanoseconds since boot, suspend included. Never jumps.
  virtual uint64_t BootNano() const = 0;

  // The machine's clock.
  static const Clock& System();
};

}  // namespace sluice
