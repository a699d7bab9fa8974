#include "agent/sinks/cost_meter.h"

#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"

namespace sluice::sinks {
namespace {

using std::chrono::microseconds;

class CostMeterTest : public ::testing::Test {
 protected:
  // Reads `units` of a user's in so many microseconds each; the sink then holds `pending` bytes.
  void Read(uid_t uid, uint64_t units, uint64_t micros_each, size_t pending = 0) {
    meter_.Enter(uid, pending_);
    clock_.Advance(microseconds(units * micros_each));
    pending_ = pending;
    meter_.Count(uid, units);
    meter_.Pause(pending_);
  }

  FakeClock clock_;
  CostMeter meter_{&clock_};
  size_t pending_ = 0;
};

TEST_F(CostMeterTest, MeasuresByUser) {
  Read(5, 100, 2);
  clock_.Advance(microseconds(1'000'000));  // between two
  Read(6, 100, 10);
  Read(5, 100, 4);
  EXPECT_EQ(meter_.NanosPerUnit(5), CostMeter::kUnmeasuredNanos) << "not made known yet";
  meter_.Publish();
  EXPECT_EQ(meter_.NanosPerUnit(5), 3'000u);
  EXPECT_EQ(meter_.NanosPerUnit(6), 10'000u);
  EXPECT_EQ(meter_.NanosPerUnit(7), (200'000u + 1'000'000 + 400'000) / 300) << "as for all";
}

TEST_F(CostMeterTest, ACommitIsThoseUsersWhoseBytesItWrites) {
  Read(5, 100, 1, 3'000);
  Read(6, 100, 1, 4'000);
  Read(7, 100, 1, 4'000);
  meter_.OnCommit(400'000);
  meter_.Publish();
  EXPECT_EQ(meter_.NanosPerUnit(5), 4'000u);
  EXPECT_EQ(meter_.NanosPerUnit(6), 2'000u);
  EXPECT_EQ(meter_.NanosPerUnit(7), 1'000u);
}

TEST_F(CostMeterTest, WhatIsNewCountsMore) {
  Read(5, 1'000'000, 1);
  meter_.Publish();
  Read(5, 100'000, 10);
  meter_.Publish();
  EXPECT_GE(meter_.NanosPerUnit(5), 7'000u);
}

}  // namespace
}  // namespace sluice::sinks
