#include "agent/config/units.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <limits>
#include <span>

namespace sluice::config {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr std::array<Unit, 9> kSizeUnits = {{{"TiB", 1ull << 40},
                                             {"GiB", 1ull << 30},
                                             {"MiB", 1ull << 20},
                                             {"KiB", 1ull << 10},
                                             {"B", 1},
                                             {"TB", 1'000'000'000'000},
                                             {"GB", 1'000'000'000},
                                             {"MB", 1'000'000},
                                             {"kB", 1'000}}};

constexpr std::array<Unit, 6> kDurationUnits = {{{"w", 604'800'000},
                                                 {"d", 86'400'000},
                                                 {"h", 3'600'000},
                                                 {"m", 60'000},
                                                 {"s", 1'000},
                                                 {"ms", 1}}};

// `limit`: results above it are refused.
absl::StatusOr<uint64_t> ParseAmount(std::string_view text, std::span<const Unit> units,
                                     uint64_t bare_factor, uint64_t limit) {
  uint64_t amount = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  if (error == std::errc::result_out_of_range) return absl::InvalidArgumentError("too large");
  if (error != std::errc()) return absl::InvalidArgumentError("does not begin with a number");
  std::string_view name = text.substr(static_cast<size_t>(end - text.data()));
  while (name.starts_with(' ')) name.remove_prefix(1);
  uint64_t factor = name.empty() ? bare_factor : 0;
  for (const Unit& unit : units) {
    if (unit.name == name) factor = unit.factor;
  }
  if (factor == 0) {
    std::string message = "unknown unit \"" + std::string(name) + "\", known are";
    for (const Unit& unit : units) message.append(" ").append(unit.name);
    return absl::InvalidArgumentError(message);
  }
  if (amount > limit / factor) return absl::InvalidArgumentError("too large");
  return amount * factor;
}

// The first unit, from the largest down, that divides `amount`.
std::string FormatAmount(uint64_t amount, std::span<const Unit> units, std::string_view separator) {
  const Unit* chosen = &units.back();
  for (const Unit& unit : units) {
    if (amount != 0 && amount % unit.factor == 0) {
      chosen = &unit;
      break;
    }
  }
  std::string text = std::to_string(amount / chosen->factor);
  return text.append(separator).append(chosen->name);
}

}  // namespace

absl::StatusOr<uint64_t> ParseSize(std::string_view text) {
  return ParseAmount(text, kSizeUnits, 1, std::numeric_limits<int64_t>::max());
}

std::string FormatSize(uint64_t bytes) {
  return FormatAmount(bytes, std::span(kSizeUnits).first(5), " ");
}

absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  constexpr uint64_t kHundredYears = 100ull * 366 * 86'400'000;
  const auto amount = ParseAmount(text, kDurationUnits, 1'000, kHundredYears);
  if (!amount.ok()) return amount.status();
  return std::chrono::milliseconds(*amount);
}

std::string FormatDuration(std::chrono::milliseconds duration) {
  if (duration.count() == 0) return "0s";
  return FormatAmount(static_cast<uint64_t>(duration.count()), kDurationUnits, "");
}

absl::StatusOr<uint32_t> ParseMode(std::string_view text) {
  uint32_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  const bool sized = text.size() == 3 || text.size() == 4;
  if (!sized || error != std::errc() || end != text.data() + text.size()) {
    return absl::InvalidArgumentError("expected three or four octal digits such as \"0666\"");
  }
  return mode;
}

std::string FormatMode(uint32_t mode) {
  char text[16];
  std::snprintf(text, sizeof(text), "%04o", mode);
  return text;
}

}  // namespace sluice::config
