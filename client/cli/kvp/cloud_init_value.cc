#include "client/cli/kvp/cloud_init_value.h"

#include <charconv>
#include <chrono>

#include "proto/wire/utf8.h"

namespace sluice::kvp {
namespace {

constexpr std::string_view kMessage = "\"msg\":\"";
constexpr std::string_view kClosing = "\"}";

// What follows `"name":` in the members before the message; these hold no nested quotes that matter
// here.
std::string_view After(std::string_view members, std::string_view name) {
  const std::string key = "\"" + std::string(name) + "\":";
  const size_t at = members.find(key);
  return at == members.npos ? std::string_view() : members.substr(at + key.size());
}

std::string_view StringMember(std::string_view members, std::string_view name) {
  std::string_view value = After(members, name);
  if (!value.starts_with('"')) return {};
  value.remove_prefix(1);
  return value.substr(0, value.find('"'));
}

std::optional<uint32_t> ParseHex4(std::string_view text) {
  uint32_t number = 0;
  if (text.size() < 4) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + 4, number, 16);
  if (error != std::errc() || end != text.data() + 4) return std::nullopt;
  return number;
}

bool IsHighSurrogate(uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool IsLowSurrogate(uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

// Reads what follows `\u`; returns how many characters it took, 0 where it is none.
size_t UnescapeUnicode(std::string_view text, std::string* out) {
  const std::optional<uint32_t> first = ParseHex4(text);
  if (!first) return 0;
  if (IsHighSurrogate(*first) && text.substr(4).starts_with("\\u")) {
    const std::optional<uint32_t> second = ParseHex4(text.substr(6));
    if (second && IsLowSurrogate(*second)) {
      AppendCodePoint(0x10000 + ((*first - 0xD800) << 10) + (*second - 0xDC00), out);
      return 10;
    }
  }
  const bool lone = IsHighSurrogate(*first) || IsLowSurrogate(*first);
  AppendCodePoint(lone ? 0xFFFD : *first, out);
  return 4;
}

std::optional<int> TakeDigits(std::string_view* text, size_t count) {
  int number = 0;
  if (text->size() < count) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + count, number);
  if (error != std::errc() || end != text->data() + count || (*text)[0] == '-') return std::nullopt;
  text->remove_prefix(count);
  return number;
}

bool TakeChar(std::string_view* text, char c) {
  if (!text->starts_with(c)) return false;
  text->remove_prefix(1);
  return true;
}

// `.` and digits, of which nine count.
uint64_t TakeFraction(std::string_view* text) {
  uint64_t nano = 0;
  if (!TakeChar(text, '.')) return 0;
  uint64_t unit = 100'000'000;
  while (!text->empty() && text->front() >= '0' && text->front() <= '9') {
    nano += unit * static_cast<uint64_t>(text->front() - '0');
    unit /= 10;
    text->remove_prefix(1);
  }
  return nano;
}

}  // namespace

std::optional<CloudInitValue> ParseCloudInitValue(std::string_view value) {
  const size_t message = value.find(kMessage);
  if (!value.starts_with('{') || message == value.npos) return std::nullopt;
  const std::string_view members = value.substr(0, message);
  CloudInitValue parsed;
  parsed.time = ParseUtc(StringMember(members, "ts"));
  parsed.result = StringMember(members, "result");
  const std::string_view duration = After(members, "duration");
  double seconds = 0;
  if (std::from_chars(duration.data(), duration.data() + duration.size(), seconds).ec ==
      std::errc()) {
    parsed.duration = seconds;
  }
  parsed.escaped_message = value.substr(message + kMessage.size());
  parsed.cut = !parsed.escaped_message.ends_with(kClosing);
  if (!parsed.cut) parsed.escaped_message.remove_suffix(kClosing.size());
  return parsed;
}

std::string UnescapeJson(std::string_view escaped) {
  static constexpr std::string_view kLetters = "bfnrt\"\\/";
  static constexpr std::string_view kMeanings = "\b\f\n\r\t\"\\/";
  std::string text;
  for (size_t i = 0; i < escaped.size(); ++i) {
    if (escaped[i] != '\\' || i + 1 == escaped.size()) {
      text += escaped[i];
      continue;
    }
    const char letter = escaped[++i];
    const size_t known = kLetters.find(letter);
    if (known != kLetters.npos) {
      text += kMeanings[known];
    } else if (const size_t taken =
                   letter == 'u' ? UnescapeUnicode(escaped.substr(i + 1), &text) : 0;
               taken > 0) {
      i += taken;
    } else {
      text += '\\';
      text += letter;
    }
  }
  return text;
}

std::optional<uint64_t> ParseUtc(std::string_view text) {
  using namespace std::chrono;
  const auto y = TakeDigits(&text, 4);
  if (!y || !TakeChar(&text, '-')) return std::nullopt;
  const auto m = TakeDigits(&text, 2);
  if (!m || !TakeChar(&text, '-')) return std::nullopt;
  const auto d = TakeDigits(&text, 2);
  if (!d || !TakeChar(&text, 'T')) return std::nullopt;
  const auto hour = TakeDigits(&text, 2);
  if (!hour || !TakeChar(&text, ':')) return std::nullopt;
  const auto minute = TakeDigits(&text, 2);
  if (!minute || !TakeChar(&text, ':')) return std::nullopt;
  const auto second = TakeDigits(&text, 2);
  if (!second) return std::nullopt;
  const uint64_t nano = TakeFraction(&text);
  const year_month_day date{year{*y}, month{static_cast<unsigned>(*m)},
                            day{static_cast<unsigned>(*d)}};
  if (!date.ok() || *y < 1970 || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  if (!text.empty() && text != "Z" && text != "+00:00") return std::nullopt;
  const seconds since_epoch =
      sys_days{date}.time_since_epoch() + hours{*hour} + minutes{*minute} + seconds{*second};
  if (*y > 2553) return std::nullopt;  // beyond 64 bits of nanoseconds
  return static_cast<uint64_t>(since_epoch.count()) * 1'000'000'000 + nano;
}

}  // namespace sluice::kvp
