// Until when spans live that do not follow the process which sent them.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace sluice {

// Made of a sluice.v1.SpanOwner when it is judged. All zero: there is none, the sender's end is
// theirs.
struct SpanOwner {
  // The process whose end is theirs; 0: no process. start_time_ticks is known where it is not.
  pid_t pid = 0;
  uint64_t start_time_ticks = 0;
  // CLOCK_BOOTTIME nanoseconds at which they end in any case; 0: no such time.
  uint64_t end_boottime_nano = 0;

  bool is_set() const { return pid != 0 || end_boottime_nano != 0; }
  bool operator==(const SpanOwner&) const = default;
};

}  // namespace sluice
