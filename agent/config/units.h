// Sizes, durations and modes as people write them in the configuration.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::config {

// A whole number and a unit, a blank between them or not: `B`, `KiB`, `MiB`, `GiB`, `TiB`, `kB`,
// `MB`, `GB`, `TB`. No unit: bytes.
absl::StatusOr<uint64_t> ParseSize(std::string_view text);
// In the largest unit that holds it whole: `256 MiB`.
std::string FormatSize(uint64_t bytes);

// A whole number and a unit: `ms`, `s`, `m`, `h`, `d`, `w`. No unit: seconds.
absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text);
// In the largest unit that holds it whole: `7d`.
std::string FormatDuration(std::chrono::milliseconds duration);

// Three or four octal digits: `0666`.
absl::StatusOr<uint32_t> ParseMode(std::string_view text);
std::string FormatMode(uint32_t mode);

}  // namespace sluice::config
