#include "agent/sinks/kvp/hold_times.h"

#include <gtest/gtest.h>

namespace sluice::kvp {
namespace {

TEST(HoldTimesTest, IsZeroWithoutHolds) {
  HoldTimes times;
  EXPECT_EQ(times.QuantileNano(0.99), 0u);
  EXPECT_EQ(times.max_nano(), 0u);
}

TEST(HoldTimesTest, QuantilesAreAtMostAnEighthTooHigh) {
  HoldTimes times;
  for (uint64_t i = 1; i <= 1000; ++i) times.Add(i * 1000);
  EXPECT_EQ(times.count(), 1000u);
  EXPECT_EQ(times.max_nano(), 1'000'000u);
  for (const double fraction : {0.1, 0.5, 0.9, 0.99, 1.0}) {
    const double exact = fraction * 1'000'000;
    EXPECT_GE(static_cast<double>(times.QuantileNano(fraction)), exact) << fraction;
    EXPECT_LE(static_cast<double>(times.QuantileNano(fraction)), exact * 1.125) << fraction;
  }
}

TEST(HoldTimesTest, TakesEveryValue) {
  HoldTimes times;
  for (const uint64_t value : {uint64_t{0}, uint64_t{7}, uint64_t{8}, UINT64_MAX}) times.Add(value);
  EXPECT_EQ(times.QuantileNano(0.25), 0u);
  EXPECT_EQ(times.QuantileNano(0.5), 7u);
  EXPECT_EQ(times.QuantileNano(0.75), 8u);
  EXPECT_EQ(times.QuantileNano(1.0), UINT64_MAX);
}

}  // namespace
}  // namespace sluice::kvp
