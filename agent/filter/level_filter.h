// The levels a filter names: the five of a record, and `off`.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proto/record/view.h"

namespace sluice::filter {

// The most verbose level let through. Numbers as in Level; comparable.
enum class LevelFilter : uint8_t { kOff = 0, kError, kWarn, kInfo, kDebug, kTrace };

inline bool Allows(LevelFilter filter, Level level) {
  return static_cast<uint8_t>(filter) >= static_cast<uint8_t>(level);
}

// `off` ... `trace` in any ASCII case, or a decimal number 0 to 5 with optional `+` and leading
// zeros, as Rust reads one; nullopt for anything else, blanks included.
std::optional<LevelFilter> ParseLevelFilter(std::string_view text);
// `off` ... `trace`.
std::string_view LevelFilterName(LevelFilter level);

}  // namespace sluice::filter
