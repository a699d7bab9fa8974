// Times around the end of a process, in nanoseconds.
#pragma once

#include <cstdint>

namespace sluice::ingest {

// What was sent before a process died may still lie in a socket when its death is told.
inline constexpr uint64_t kDrainNanos = 200'000'000;
// Between two attempts to end its spans while the journal takes nothing.
inline constexpr uint64_t kEndRetryNanos = 1'000'000'000;

}  // namespace sluice::ingest
