#include "client/cli/when.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

constexpr uint64_t kWhenSecond = 1'000'000'000;
constexpr uint64_t kNow = 1'763'632'673 * kWhenSecond;  // 2025-11-20T09:57:53Z

TEST(ParseLengthTest, TakesWhatPeopleWrite) {
  EXPECT_EQ(ParseLength("250ms"), kWhenSecond / 4);
  EXPECT_EQ(ParseLength("1.5s"), kWhenSecond * 3 / 2);
  EXPECT_EQ(ParseLength("2 min"), 120 * kWhenSecond);
  EXPECT_EQ(ParseLength("1h30m"), 5400 * kWhenSecond);
  EXPECT_EQ(ParseLength("10 minutes 5 s"), 605 * kWhenSecond);
  EXPECT_EQ(ParseLength("1d"), 86'400 * kWhenSecond);
  EXPECT_EQ(ParseLength("1w"), 604'800 * kWhenSecond);
}

TEST(ParseLengthTest, RefusesTheRest) {
  for (const char* text : {"", " ", "5", "ms", "5 parsecs", "-5s", "1e99d", "5s x", "nan s"}) {
    EXPECT_FALSE(ParseLength(text)) << text;
  }
}

TEST(ParseMomentTest, TakesDatesInUtc) {
  EXPECT_EQ(ParseMoment("2025-11-20 09:57:53", kNow + 5), kNow);
  EXPECT_EQ(ParseMoment("2025-11-20T09:57:53.250Z", kNow), kNow + kWhenSecond / 4);
  EXPECT_EQ(ParseMoment("2025-11-20 09:57", kNow), kNow - 53 * kWhenSecond);
  const uint64_t midnight = kNow - kNow % (86'400 * kWhenSecond);
  EXPECT_EQ(ParseMoment("2025-11-20", kNow), midnight);
  EXPECT_EQ(ParseMoment("today", kNow), midnight);
  EXPECT_EQ(ParseMoment("yesterday", kNow), midnight - 86'400 * kWhenSecond);
  EXPECT_EQ(ParseMoment("09:57:53", kNow + kWhenSecond), kNow);
  EXPECT_EQ(ParseMoment("09:00", kNow), midnight + 9 * 3600 * kWhenSecond);
  EXPECT_EQ(ParseMoment("now", kNow), kNow);
}

TEST(ParseMomentTest, TakesTimesAgo) {
  EXPECT_EQ(ParseMoment("10 min ago", kNow), kNow - 600 * kWhenSecond);
  EXPECT_EQ(ParseMoment("-1h30m", kNow), kNow - 5400 * kWhenSecond);
  EXPECT_EQ(ParseMoment("@1763632673", 1), kNow);
}

TEST(ParseMomentTest, RefusesTheRest) {
  for (const char* text : {"", "soon", "2025-13-01", "2025-11-20 25:00", "09:57:53x", "@", "@-5",
                           "- 5", "ten ago", "1970-01-01T00:00:00.x", "99999w ago"}) {
    EXPECT_FALSE(ParseMoment(text, kNow)) << text;
  }
}

}  // namespace
}  // namespace sluice::cli
