#include "agent/sinks/backlog_gate.h"

#include <map>
#include <memory>
#include <string>

#include "agent/base/retry_after.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"

namespace sluice::sinks {
namespace {

using std::chrono::milliseconds;

// A sink that is where the test says; a unit takes it a microsecond.
struct FakeSink final : SinkLoad {
  explicit FakeSink(std::string sink_name) : own_name(std::move(sink_name)) {}
  const std::string& name() const override { return own_name; }
  uint64_t passed() const override { return at; }
  bool is_working() const override { return works; }
  uint64_t NanosPerUnit(uid_t uid) const override {
    const auto found = nanos.find(uid);
    return found == nanos.end() ? 1'000 : found->second;
  }

  const std::string own_name;
  uint64_t at = 0;
  bool works = true;
  std::map<uid_t, uint64_t> nanos;
};

class BacklogGateTest : public ::testing::Test {
 protected:
  BacklogGateTest() {
    gate_.AddSink(&fast_);
    gate_.AddSink(&slow_);
    Turn(milliseconds(3));
  }
  // Time for the gate to look again.
  void Turn(std::chrono::nanoseconds by) {
    clock_.Advance(by);
    loop_->RunOnce(0);
  }
  // An entry of so many records of a microsecond each.
  void Append(uid_t uid, uint64_t records) {
    gate_.OnAppend(++sequence_, uid, records, 0);
    fast_.at = sequence_;
    Turn(milliseconds(6));
  }
  void AppendUntilHeld(uid_t uid, uint64_t records = 10'000) {
    for (int i = 0; i < 1'000 && !gate_.Holds(uid); ++i) Append(uid, records);
  }
  uint64_t Before(uid_t uid) { return backlog_.UnitsAfter(uid, slow_.at); }

  FakeClock clock_{1'000'000'000};
  std::unique_ptr<net::EventLoop> loop_ = *net::EventLoop::Create(clock_);
  Counters counters_;
  Backlog backlog_{0};
  int releases_ = 0;
  BacklogGate gate_{{loop_.get(), &counters_, &backlog_, [this] { ++releases_; }}};
  FakeSink fast_{"fast"};
  FakeSink slow_{"slow"};
  uint64_t sequence_ = 0;
};

TEST_F(BacklogGateTest, OneUserAloneGetsHalfOfTheLimit) {
  AppendUntilHeld(5);
  EXPECT_TRUE(gate_.Holds(5));
  EXPECT_NEAR(static_cast<double>(Before(5)), 400'000, 20'000);
  EXPECT_EQ(counters_.Total("sink.held", "slow"), 1u);
  EXPECT_FALSE(gate_.Holds(6));
  EXPECT_FALSE(gate_.Holds(0));
}

TEST_F(BacklogGateTest, BesideAnotherUserHalfOfASmallerLimitIsLeft) {
  Append(6, 1);
  AppendUntilHeld(5, 1'000);
  EXPECT_NEAR(static_cast<double>(Before(5)), 5'000, 1'000);
}

TEST_F(BacklogGateTest, RootIsCompanyAsWell) {
  Append(0, 1);
  AppendUntilHeld(5, 1'000);
  EXPECT_NEAR(static_cast<double>(Before(5)), 5'000, 2'500);
}

TEST_F(BacklogGateTest, ALaterUserFindsRoomAndManyShareIt) {
  Append(6, 1);
  AppendUntilHeld(5, 1'000);
  AppendUntilHeld(6, 1'000);
  EXPECT_NEAR(static_cast<double>(Before(6)), 2'500, 1'000);
  Append(7, 2'000);
  EXPECT_FALSE(gate_.Holds(7));
}

TEST_F(BacklogGateTest, WhoeverHasMuchWhenAnotherComesIsHeldUntilThatIsWorkedOff) {
  for (int i = 0; i < 30; ++i) Append(5, 10'000);
  EXPECT_FALSE(gate_.Holds(5));
  Append(6, 2'000);
  EXPECT_TRUE(gate_.Holds(5));
  EXPECT_FALSE(gate_.Holds(6));
  slow_.at = sequence_;
  Turn(milliseconds(6));
  EXPECT_FALSE(gate_.Holds(5));
}

TEST_F(BacklogGateTest, WhoeverSentNothingForAWhileIsNoCompany) {
  Append(6, 1);
  Turn(std::chrono::nanoseconds(BacklogGate::kCompanyNanos));
  AppendUntilHeld(5);
  EXPECT_NEAR(static_cast<double>(Before(5)), 400'000, 20'000);
}

TEST_F(BacklogGateTest, WhatCostsMoreCountsMore) {
  slow_.nanos[5] = 100'000;
  AppendUntilHeld(5);
  EXPECT_LE(Before(5), 10'000u);
}

TEST_F(BacklogGateTest, AFewRecordsAreEverybodys) {
  slow_.nanos[5] = 1'000'000'000;
  Append(5, 1'500);
  EXPECT_FALSE(gate_.Holds(5));
  Append(5, 1'500);
  EXPECT_TRUE(gate_.Holds(5));
}

TEST_F(BacklogGateTest, RootIsNotHeldAndNotCounted) {
  for (int i = 0; i < 100; ++i) Append(0, 100'000);
  EXPECT_FALSE(gate_.Holds(0));
  EXPECT_TRUE(gate_.Check(0).ok());
  Append(5, 4'000);
  EXPECT_FALSE(gate_.Holds(5));
}

TEST_F(BacklogGateTest, LetsGoOnceTheSinkHasWorkedOffEnough) {
  AppendUntilHeld(5);
  const uint64_t first = slow_.at;
  slow_.at = first + 2;  // just below
  Turn(milliseconds(6));
  EXPECT_TRUE(gate_.Holds(5));
  EXPECT_EQ(releases_, 0);
  slow_.at = first + 15;
  Turn(milliseconds(6));
  EXPECT_FALSE(gate_.Holds(5));
  EXPECT_EQ(releases_, 1);
}

TEST_F(BacklogGateTest, IsRefusedOnceHeldForTwoSeconds) {
  AppendUntilHeld(5);
  EXPECT_TRUE(gate_.Check(5).ok());
  Turn(milliseconds(1'950));
  const absl::Status status = gate_.Check(5);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(RetryAfter(status).has_value());
  EXPECT_GE(*RetryAfter(status), milliseconds(50));
  EXPECT_LE(*RetryAfter(status), milliseconds(800));
  EXPECT_EQ(counters_.Total("sink.refused", "slow"), 1u);
  EXPECT_TRUE(gate_.Check(6).ok());
}

TEST_F(BacklogGateTest, LongBatchesOfManyUsersDoNotAddUp) {
  uint64_t refused = 0;
  for (uid_t uid = 5; uid < 35; ++uid) {
    const absl::Status status = gate_.CheckBatch(uid, 300'000, 0);
    if (status.ok()) {
      Append(uid, 300'000);
      continue;
    }
    ++refused;
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(RetryAfter(status), milliseconds(200)) << "until others have half of the limit";
    EXPECT_TRUE(gate_.CheckBatch(uid, BacklogGate::kFewestUnits, 0).ok());
  }
  EXPECT_EQ(refused, 28u);
  EXPECT_EQ(counters_.Total("sink.refused", "slow"), 28u);
  EXPECT_TRUE(gate_.CheckBatch(0, 300'000, 0).ok());
  slow_.at = sequence_ - 1;
  EXPECT_TRUE(gate_.CheckBatch(40, 10'000'000, 0).ok()) << "others have less than half";
}

TEST_F(BacklogGateTest, NobodyIsRefusedForWhatIsHisOwn) {
  Append(5, 700'000);
  EXPECT_TRUE(gate_.CheckBatch(5, 700'000, 0).ok()) << "a matter of Holds";
}

TEST_F(BacklogGateTest, ASinkThatDoesNotWorkHoldsNobody) {
  AppendUntilHeld(5);
  slow_.works = false;
  Turn(milliseconds(6));
  EXPECT_FALSE(gate_.Holds(5));
  EXPECT_EQ(releases_, 1);
  EXPECT_TRUE(gate_.Check(5).ok());
}

TEST_F(BacklogGateTest, ASinkThatWorksAgainHoldsNobodyForWhatWasBefore) {
  slow_.works = false;
  for (int i = 0; i < 100; ++i) Append(5, 10'000);
  const uint64_t end = sequence_;
  slow_.works = true;
  Append(5, 10'000);
  EXPECT_FALSE(gate_.Holds(5)) << "it has not passed what was there when it began to work";
  slow_.at = end + 1;
  AppendUntilHeld(5);
  EXPECT_TRUE(gate_.Holds(5));
  EXPECT_NEAR(static_cast<double>(Before(5)), 400'000, 20'000);
}

}  // namespace
}  // namespace sluice::sinks
