#include "proto/contract/time_text.h"

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

// `2025-11-13T17:52:10`.
std::string FormatSeconds(uint64_t unix_nano) {
  const uint64_t seconds = unix_nano / kNanosPerSecond;
  const Date date = DateOfDay(seconds / kSecondsPerDay);
  const auto second_of_day = static_cast<uint32_t>(seconds % kSecondsPerDay);
  char text[48];
  const int size =
      std::snprintf(text, sizeof(text), "%04u-%02u-%02uT%02u:%02u:%02u", date.year, date.month,
                    date.day, second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
  return {text, static_cast<size_t>(size)};
}

// `.` and the first `digits` of nine.
std::string FormatFraction(uint64_t unix_nano, size_t digits) {
  char text[16];
  std::snprintf(text, sizeof(text), ".%09u", static_cast<uint32_t>(unix_nano % kNanosPerSecond));
  return {text, digits + 1};
}

}  // namespace

std::string FormatUtcMillis(uint64_t unix_nano) {
  return FormatSeconds(unix_nano) + FormatFraction(unix_nano, 3) + 'Z';
}

std::string FormatRfc3339(uint64_t unix_nano) {
  std::string text = FormatSeconds(unix_nano);
  if (unix_nano % kNanosPerSecond == 0) return text + "+00:00";
  size_t digits = 9;
  if (unix_nano % 1'000'000 == 0) {
    digits = 3;
  } else if (unix_nano % 1'000 == 0) {
    digits = 6;
  }
  return text + FormatFraction(unix_nano, digits) + "+00:00";
}

}  // namespace sluice
