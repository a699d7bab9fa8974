#include "client/cli/when.h"

#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <string>

namespace sluice::cli {
namespace {

constexpr uint64_t kNanosPerSecond = 1'000'000'000;
constexpr uint64_t kDay = 86'400 * kNanosPerSecond;

struct Unit {
  std::string_view name;
  uint64_t nanoseconds;
};

constexpr std::array kUnits = {
    Unit{"ns", 1},
    Unit{"us", 1'000},
    Unit{"ms", 1'000'000},
    Unit{"s", kNanosPerSecond},
    Unit{"sec", kNanosPerSecond},
    Unit{"second", kNanosPerSecond},
    Unit{"seconds", kNanosPerSecond},
    Unit{"m", 60 * kNanosPerSecond},
    Unit{"min", 60 * kNanosPerSecond},
    Unit{"minute", 60 * kNanosPerSecond},
    Unit{"minutes", 60 * kNanosPerSecond},
    Unit{"h", 3600 * kNanosPerSecond},
    Unit{"hour", 3600 * kNanosPerSecond},
    Unit{"hours", 3600 * kNanosPerSecond},
    Unit{"d", kDay},
    Unit{"day", kDay},
    Unit{"days", kDay},
    Unit{"w", 7 * kDay},
    Unit{"week", 7 * kDay},
    Unit{"weeks", 7 * kDay},
};

std::string_view SkipSpaces(std::string_view text) {
  const size_t begin = text.find_first_not_of(' ');
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

// Takes a number and its unit off the front of `text`.
std::optional<double> TakePart(std::string_view* text) {
  double amount = 0;
  const auto [end, error] =
      std::from_chars(text->data(), text->data() + text->size(), amount, std::chars_format::fixed);
  if (error != std::errc() || amount < 0) return std::nullopt;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  *text = SkipSpaces(*text);
  const std::string_view name = text->substr(0, text->find_first_of(" 0123456789."));
  for (const Unit& unit : kUnits) {
    if (unit.name != name) continue;
    text->remove_prefix(name.size());
    *text = SkipSpaces(*text);
    return amount * static_cast<double>(unit.nanoseconds);
  }
  return std::nullopt;
}

// What strptime reads of the whole text; nullopt: something else stands there.
std::optional<uint64_t> ParseDate(const std::string& text, const char* format, tm parts) {
  const char* rest = ::strptime(text.c_str(), format, &parts);
  if (rest == nullptr) return std::nullopt;
  double fraction = 0;
  if (*rest == '.') {
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(rest, end, fraction, std::chars_format::fixed);
    if (parsed.ec != std::errc()) return std::nullopt;
    rest = parsed.ptr;
  }
  if (*rest == 'Z') ++rest;
  if (*rest != '\0') return std::nullopt;
  const time_t seconds = ::timegm(&parts);
  if (seconds < 0) return std::nullopt;
  return static_cast<uint64_t>(seconds) * kNanosPerSecond +
         static_cast<uint64_t>(std::llround(fraction * static_cast<double>(kNanosPerSecond)));
}

std::optional<uint64_t> Before(std::string_view length, uint64_t now_unix_nano) {
  const auto parsed = ParseLength(length);
  if (!parsed || *parsed > now_unix_nano) return std::nullopt;
  return now_unix_nano - *parsed;
}

std::optional<uint64_t> ParseSinceEpoch(std::string_view text) {
  double seconds = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  if (!is_whole || seconds < 0 || seconds > 1e10) return std::nullopt;
  return static_cast<uint64_t>(std::llround(seconds * 1e6)) * 1000;
}

}  // namespace

std::optional<uint64_t> ParseLength(std::string_view text) {
  double sum = 0;
  text = SkipSpaces(text);
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const auto part = TakePart(&text);
    if (!part) return std::nullopt;
    sum += *part;
  }
  if (!(sum < 9e18)) return std::nullopt;
  return static_cast<uint64_t>(std::llround(sum));
}

std::optional<uint64_t> ParseMoment(std::string_view text, uint64_t now_unix_nano) {
  const uint64_t today = now_unix_nano - now_unix_nano % kDay;
  if (text == "now") return now_unix_nano;
  if (text == "today") return today;
  if (text == "yesterday") return today - kDay;
  if (text.starts_with('@')) return ParseSinceEpoch(text.substr(1));
  if (text.starts_with('-')) return Before(text.substr(1), now_unix_nano);
  if (text.ends_with(" ago")) return Before(text.substr(0, text.size() - 4), now_unix_nano);
  const time_t now = static_cast<time_t>(now_unix_nano / kNanosPerSecond);
  tm midnight{};
  ::gmtime_r(&now, &midnight);
  midnight.tm_hour = midnight.tm_min = midnight.tm_sec = 0;
  const std::string whole(text);
  for (const char* format : {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d",
                             "%H:%M:%S", "%H:%M"}) {
    if (const auto moment = ParseDate(whole, format, midnight)) return moment;
  }
  return std::nullopt;
}

}  // namespace sluice::cli
