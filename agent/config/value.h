// What a configuration file can say for one key, and how a C++ value is read from it and printed.
// A Form reads and prints one type; what brings keys along (agent/config/key.h) picks one for each.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "agent/filter/target_levels.h"

namespace sluice::config {

using Value = std::variant<bool, int64_t, std::string, std::vector<std::string>,
                           std::map<std::string, std::string>>;

inline constexpr uint64_t kMiB = 1024 * 1024;

template <typename T>
struct Form {
  // INVALID_ARGUMENT: wrong type, not readable or out of range.
  std::function<absl::StatusOr<T>(const Value&)> read;
  // As TOML.
  std::function<std::string(const T&)> print;
};

// Both ends belong to it.
struct Range {
  uint64_t least = 0;
  uint64_t most = std::numeric_limits<int64_t>::max();
};

Form<bool> Bool();
Form<std::string> Text();
// Absolute.
Form<std::string> Path();
// Bytes, with or without a unit.
Form<uint64_t> Size(Range range = {});
Form<std::chrono::milliseconds> Milliseconds();
// Whole ones.
Form<std::chrono::seconds> Seconds();
Form<uint32_t> Count(Range range = {0, std::numeric_limits<uint32_t>::max()});
// Octal digits.
Form<uint32_t> Mode();
Form<filter::LevelFilter> LevelName();
Form<std::vector<std::string>> List();
Form<filter::Routes> RoutesTable();

// INVALID_ARGUMENT "expected WHAT".
absl::Status Expected(absl::string_view what);
// A text as a TOML string.
std::string QuoteToml(std::string_view text);

// A text out of a list of names that stand for values.
template <typename T>
Form<T> Choice(std::vector<std::pair<const char*, T>> choices) {
  return {[choices](const Value& value) -> absl::StatusOr<T> {
            const auto* text = std::get_if<std::string>(&value);
            std::string known;
            for (const auto& [word, meaning] : choices) {
              if (text != nullptr && *text == word) return meaning;
              absl::StrAppend(&known, known.empty() ? "" : ", ", "\"", word, "\"");
            }
            return Expected(absl::StrCat("one of ", known));
          },
          [choices](const T& chosen) {
            for (const auto& [word, meaning] : choices) {
              if (meaning == chosen) return QuoteToml(word);
            }
            return QuoteToml("");
          }};
}

}  // namespace sluice::config
