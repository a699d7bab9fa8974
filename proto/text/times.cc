#include "proto/text/times.h"

#include <array>
#include <cstdio>

namespace sluice {
namespace {

constexpr uint64_t kNanosPerSecond = 1'000'000'000;
constexpr uint64_t kSecondsPerDay = 86'400;

struct Date {
  uint32_t year;
  uint32_t month;
  uint32_t day;
};

// Days since 1970 in the Gregorian calendar, counted from 1 March of the year 0, so that the leap
// day is a year's last (Howard Hinnant, "chrono-compatible low-level date algorithms").
Date DateOfDay(uint64_t days_since_1970) {
  const uint64_t days = days_since_1970 + 719'468;
  const uint64_t era = days / 146'097;
  const uint64_t day_of_era = days % 146'097;
  const uint64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const uint64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint64_t month_from_march = (5 * day_of_year + 2) / 153;
  const uint64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const uint64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const uint64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  return {static_cast<uint32_t>(year), static_cast<uint32_t>(month), static_cast<uint32_t>(day)};
}

void AppendPadded(uint64_t number, int digits, std::string* out) {
  const size_t end = out->size() + static_cast<size_t>(digits);
  out->resize(end);
  for (size_t at = end; digits > 0; --digits, number /= 10) {
    (*out)[--at] = static_cast<char>('0' + number % 10);
  }
}

// `2025-11-13T17:52:10`. A log writes one a line, so no printf.
std::string FormatSeconds(uint64_t unix_nano) {
  const uint64_t seconds = unix_nano / kNanosPerSecond;
  const Date date = DateOfDay(seconds / kSecondsPerDay);
  const uint64_t second_of_day = seconds % kSecondsPerDay;
  std::string text;
  text.reserve(36);
  AppendPadded(date.year, 4, &text);
  text.push_back('-');
  AppendPadded(date.month, 2, &text);
  text.push_back('-');
  AppendPadded(date.day, 2, &text);
  text.push_back('T');
  AppendPadded(second_of_day / 3600, 2, &text);
  text.push_back(':');
  AppendPadded(second_of_day / 60 % 60, 2, &text);
  text.push_back(':');
  AppendPadded(second_of_day % 60, 2, &text);
  return text;
}

// `.` and the first `digits` of nine.
void AppendFraction(uint64_t unix_nano, int digits, std::string* out) {
  uint64_t fraction = unix_nano % kNanosPerSecond;
  for (int dropped = digits; dropped < 9; ++dropped) fraction /= 10;
  out->push_back('.');
  AppendPadded(fraction, digits, out);
}

}  // namespace

std::string FormatUtc(uint64_t unix_nano, int digits) {
  std::string text = FormatSeconds(unix_nano);
  AppendFraction(unix_nano, digits, &text);
  text.push_back('Z');
  return text;
}

std::string FormatUtcMillis(uint64_t unix_nano) { return FormatUtc(unix_nano, 3); }

std::string FormatRfc3339(uint64_t unix_nano) {
  std::string text = FormatSeconds(unix_nano);
  if (unix_nano % kNanosPerSecond == 0) return text + "+00:00";
  int digits = 9;
  if (unix_nano % 1'000'000 == 0) {
    digits = 3;
  } else if (unix_nano % 1'000 == 0) {
    digits = 6;
  }
  AppendFraction(unix_nano, digits, &text);
  return text + "+00:00";
}

std::string FormatDuration(uint64_t nanos) {
  static constexpr std::array<const char*, 4> kUnits = {"ns", "µs", "ms", "s"};
  auto amount = static_cast<double>(nanos);
  size_t unit = 0;
  for (; amount >= 1000 && unit + 1 < kUnits.size(); ++unit) amount /= 1000;
  const int decimals = amount < 10 ? 2 : amount < 100 ? 1 : 0;
  char text[48];
  const int size = std::snprintf(text, sizeof(text), "%.*f%s", decimals, amount, kUnits[unit]);
  return {text, static_cast<size_t>(size)};
}

}  // namespace sluice
