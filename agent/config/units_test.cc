#include "agent/config/units.h"

#include "gtest/gtest.h"

namespace sluice::config {
namespace {

using std::chrono::milliseconds;

TEST(UnitsTest, ReadsSizesInBinaryAndDecimalUnits) {
  EXPECT_EQ(*ParseSize("256 MiB"), 268'435'456u);
  EXPECT_EQ(*ParseSize("64KiB"), 65'536u);
  EXPECT_EQ(*ParseSize("1 kB"), 1'000u);
  EXPECT_EQ(*ParseSize("0"), 0u);
  EXPECT_EQ(*ParseSize("8388607 TiB"), 8'388'607ull << 40);
}

TEST(UnitsTest, RefusesSizesThatAreNone) {
  for (const char* text :
       {"", "MiB", "1 Mib", "-1", "1.5 MiB", "1  MiB x", "8388608 TiB", "99999999999999999999"}) {
    EXPECT_FALSE(ParseSize(text).ok()) << text;
  }
}

TEST(UnitsTest, PrintsSizesInTheLargestUnitThatIsExact) {
  EXPECT_EQ(FormatSize(268'435'456), "256 MiB");
  EXPECT_EQ(FormatSize(1025), "1025 B");
  EXPECT_EQ(FormatSize(0), "0 B");
}

TEST(UnitsTest, ReadsAndPrintsDurations) {
  EXPECT_EQ(*ParseDuration("7d"), milliseconds(604'800'000));
  EXPECT_EQ(*ParseDuration("500 ms"), milliseconds(500));
  EXPECT_EQ(*ParseDuration("30"), milliseconds(30'000));
  EXPECT_EQ(FormatDuration(milliseconds(604'800'000)), "1w");
  EXPECT_EQ(FormatDuration(milliseconds(90'000)), "90s");
  EXPECT_EQ(FormatDuration(milliseconds(1)), "1ms");
  EXPECT_EQ(FormatDuration(milliseconds(0)), "0s");
  for (const char* text : {"", "d", "1 y", "-1s", "1h30m", "1000000000w"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

TEST(UnitsTest, ReadsModesInOctal) {
  EXPECT_EQ(*ParseMode("0666"), 0666u);
  EXPECT_EQ(*ParseMode("600"), 0600u);
  EXPECT_EQ(FormatMode(0666), "0666");
  for (const char* text : {"", "66", "06666", "0888", "rw-r"}) {
    EXPECT_FALSE(ParseMode(text).ok()) << text;
  }
}

}  // namespace
}  // namespace sluice::config
