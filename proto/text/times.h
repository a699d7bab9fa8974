// Unix times as UTC text, and durations. Years 1970 to 2554, which are all that 64 bits of
// nanoseconds hold.
#pragma once

#include <cstdint>
#include <string>

namespace sluice {

// `2025-11-13T17:52:10.123456Z` with `digits` (1 to 9) of fraction, cut and not rounded.
std::string FormatUtc(uint64_t unix_nano, int digits);

// `2025-11-13T17:52:10.123Z`: always three digits, cut and not rounded.
std::string FormatUtcMillis(uint64_t unix_nano);

// `2025-11-13T17:52:10+00:00`, with 3, 6 or 9 digits of fraction where it has one (chrono's
// to_rfc3339).
std::string FormatRfc3339(uint64_t unix_nano);

// As Rust's tracing prints one: 3 significant digits and ns, µs, ms or s.
std::string FormatDuration(uint64_t nanos);

}  // namespace sluice
