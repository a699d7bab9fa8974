#include "agent/filter/level_filter.h"

#include <array>
#include <charconv>

#include "absl/strings/match.h"

namespace sluice::filter {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"off",  "error", "warn",
                                                    "info", "debug", "trace"};

}  // namespace

std::optional<LevelFilter> ParseLevelFilter(std::string_view text) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (absl::EqualsIgnoreCase({text.data(), text.size()}, {kNames[i].data(), kNames[i].size()})) {
      return static_cast<LevelFilter>(i);
    }
  }
  if (text.starts_with('+')) text.remove_prefix(1);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (number >= kNames.size()) return std::nullopt;
  return static_cast<LevelFilter>(number);
}

std::string_view LevelFilterName(LevelFilter level) { return kNames[static_cast<size_t>(level)]; }

}  // namespace sluice::filter
