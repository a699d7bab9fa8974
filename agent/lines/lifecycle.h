// What a line tells of its record: something that happened, or a span's beginning or end.
#pragma once

#include <cstdint>

namespace sluice::lines {

struct Lifecycle {
  enum class Kind { kEvent, kNew, kClose };
  Kind kind = Kind::kEvent;
  uint64_t unix_nano = 0;
  // kClose only.
  uint64_t busy_nanos = 0;
  uint64_t idle_nanos = 0;
  // The span's status is ERROR.
  bool failed = false;
};

}  // namespace sluice::lines
