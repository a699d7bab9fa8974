#include "agent/ingest/process_tracker.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/record/limits.h"
#include "tests/support/child.h"
#include "tests/support/fake_clock.h"

namespace sluice::ingest {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kSecond = 1'000'000'000;

class ProcessTrackerTest : public ::testing::Test {
 protected:
  void Track() { tracker_.Track(child_.key(), pidfd_.get()); }

  // The tracker knows of it, and has not told yet.
  void DieUnderWatch() {
    child_.Kill(SIGKILL);
    child_.Reap();
    loop_->RunOnce(20'000);
    EXPECT_THAT(causes_, IsEmpty());
  }

  void Pass(uint64_t nanos) {
    clock_.now += nanos;
    loop_->RunOnce(0);
  }

  static auto IsDeath() { return AnyOf("signal 9 (SIGKILL)", "process gone"); }

  FakeClock clock_;
  std::unique_ptr<net::EventLoop> loop_ = *net::EventLoop::Create(clock_);
  bool journal_takes_it_ = true;
  std::vector<std::string> causes_;
  ProcessTracker tracker_{loop_.get(), [this](const net::ProcessKey& process, const auto& cause) {
                            EXPECT_EQ(process, child_.key());
                            causes_.push_back(cause);
                            return journal_takes_it_;
                          }};
  Child child_{0};
  const UniqueFd pidfd_{static_cast<int>(::syscall(SYS_pidfd_open, child_.key().pid, 0))};
};

TEST_F(ProcessTrackerTest, TellsOfADeathOnceWhatWasSentBeforeIsRead) {
  tracker_.OnStreamOpen(child_.key());
  Track();
  DieUnderWatch();
  tracker_.OnStreamClose(child_.key());
  Pass(kSecond / 5 - 1);
  EXPECT_THAT(causes_, IsEmpty());
  Pass(1);
  EXPECT_THAT(causes_, ElementsAre(IsDeath()));
  EXPECT_EQ(tracker_.size(), 0u);
  Pass(2 * limits::kReconnectSeconds * kSecond);
  EXPECT_EQ(causes_.size(), 1u);
}

// A forked child goes on with the connection it inherited.
TEST_F(ProcessTrackerTest, AStreamOpenedAfterTheDeathDoesNotHideIt) {
  tracker_.OnStreamOpen(child_.key());
  Track();
  DieUnderWatch();
  tracker_.OnStreamOpen(child_.key());
  Pass(kSecond / 5);
  EXPECT_THAT(causes_, ElementsAre(IsDeath()));
  tracker_.OnStreamClose(child_.key());
  tracker_.OnStreamClose(child_.key());
  Pass(2 * limits::kReconnectSeconds * kSecond);
  EXPECT_EQ(causes_.size(), 1u);
  EXPECT_EQ(tracker_.size(), 0u);
}

TEST_F(ProcessTrackerTest, ADeathThatCouldNotBeJournalledIsToldAgainWhateverIsOpenedMeanwhile) {
  Track();
  DieUnderWatch();
  journal_takes_it_ = false;
  Pass(kSecond / 5);
  EXPECT_EQ(causes_.size(), 1u);
  tracker_.OnStreamOpen(child_.key());
  journal_takes_it_ = true;
  Pass(kSecond);
  EXPECT_THAT(causes_, ElementsAre(IsDeath(), IsDeath()));
  EXPECT_EQ(tracker_.size(), 0u);
}

TEST_F(ProcessTrackerTest, ALivingProcessThatStaysAwayCountsAsGone) {
  tracker_.OnStreamOpen(child_.key());
  Track();
  tracker_.OnStreamClose(child_.key());
  Pass(limits::kReconnectSeconds * kSecond - 1);
  EXPECT_THAT(causes_, IsEmpty());
  Pass(1);
  EXPECT_THAT(causes_, ElementsAre("connection lost"));
  EXPECT_EQ(tracker_.size(), 0u);
}

TEST_F(ProcessTrackerTest, ALivingProcessThatComesBackInTimeIsNotGone) {
  tracker_.OnStreamOpen(child_.key());
  Track();
  tracker_.OnStreamClose(child_.key());
  Pass(limits::kReconnectSeconds * kSecond - 1);
  tracker_.OnStreamOpen(child_.key());
  Pass(2 * limits::kReconnectSeconds * kSecond);
  EXPECT_THAT(causes_, IsEmpty());
  EXPECT_EQ(tracker_.size(), 1u);
}

TEST_F(ProcessTrackerTest, SaysWhenAProcessDiedWhoeverTellsOfItLater) {
  Track();
  EXPECT_FALSE(tracker_.EndOf(child_.key()).is_seen);
  clock_.now += kSecond;
  DieUnderWatch();
  const uint64_t died = clock_.now;
  clock_.now += kSecond / 10;
  const LifeEnd end = tracker_.EndOf(child_.key());
  EXPECT_TRUE(end.is_seen);
  EXPECT_EQ(end.boot_nano, died);
}

TEST_F(ProcessTrackerTest, OtherwiseTheEndOfAStreamIsTheLastSignOfLife) {
  tracker_.OnStreamOpen(child_.key());
  Track();
  clock_.now += kSecond;
  tracker_.OnStreamClose(child_.key());
  const uint64_t closed = clock_.now;
  clock_.now += kSecond;
  tracker_.NoteLife(child_.key(), closed - 1);
  const LifeEnd end = tracker_.EndOf(child_.key());
  EXPECT_FALSE(end.is_seen);
  EXPECT_EQ(end.boot_nano, closed);
}

TEST_F(ProcessTrackerTest, AProcessWithoutOpenSpansIsForgottenWithItsLastStream) {
  tracker_.OnStreamOpen(child_.key());
  tracker_.OnStreamOpen(child_.key());
  tracker_.OnStreamClose(child_.key());
  EXPECT_EQ(tracker_.size(), 1u);
  tracker_.OnStreamClose(child_.key());
  EXPECT_EQ(tracker_.size(), 0u);
}

}  // namespace
}  // namespace sluice::ingest
