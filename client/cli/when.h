// Moments and lengths of time as people write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::cli {

// Nanoseconds: `250ms`, `1.5s`, `2 min`, `1h30m`, `10 minutes 5 s`. Units are ns, us, ms, s, sec,
// m, min, h, d, w and the words for them. nullopt: none of these, or too long for 64 bits.
std::optional<uint64_t> ParseLength(std::string_view text);

// Nanoseconds since the Unix epoch, all in UTC: `2026-11-20 09:27:53`, with `T`, a fraction or `Z`
// as well; `2026-11-20`; `09:27`, today; `now`, `today`, `yesterday`; `10 min ago`, `-10min`;
// `@1763632673`. nullopt: none of these.
std::optional<uint64_t> ParseMoment(std::string_view text, uint64_t now_unix_nano);

}  // namespace sluice::cli
