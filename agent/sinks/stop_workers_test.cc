#include "agent/sinks/stop_workers.h"

#include "agent/base/retry_after.h"
#include "tests/support/sinks/worker_fixture.h"

namespace sluice::sinks {
namespace {

TEST_F(SinkWorkerTest, StopDrainsWhatIsJournalled) {
  StartWorker();
  for (int i = 0; i < 100; ++i) Write(std::to_string(i));
  EXPECT_TRUE(Stop());
  MutexLock lock(&log_->mutex);
  EXPECT_EQ(log_->written.size(), 100u);
}

TEST_F(SinkWorkerTest, DrainsOnceToldToStopWithNobodyWaiting) {
  StartWorker();
  Write("a");
  worker_->BeginStop();
  EXPECT_TRUE(WaitFor({"a"}));
  EXPECT_TRUE(Stop());
}

TEST_F(SinkWorkerTest, AHungSinkIsLeftBehindAtTheDeadline) {
  SetHang(true);
  StartWorker();
  Write("a");
  EXPECT_FALSE(Stop(std::chrono::milliseconds(100)));
  SetHang(false);
  EXPECT_TRUE(Stop());
}

TEST_F(StoppedClockTest, AtStopWhatWaitsIsTriedOnceMoreAndNoMore) {
  Set(&SinkLog::opens_to_fail, 1'000'000);
  StartWorker();
  Write("a");
  ASSERT_TRUE(AwaitState("waiting"));
  EXPECT_EQ(Attempts(), 1);
  EXPECT_TRUE(Stop());
  EXPECT_EQ(Attempts(), 2);
  Set(&SinkLog::opens_to_fail, 0);
  StartWorker();
  EXPECT_TRUE(WaitFor({"a"})) << "the journal has kept it";
}

TEST_F(StoppedClockTest, AtStopWhatFailsIsTriedOnceMoreAndNoMore) {
  Set(&SinkLog::commits_to_fail, 1'000'000);
  StartWorker();
  Write("a");
  ASSERT_TRUE(AwaitState("failing"));
  EXPECT_TRUE(Stop());
  EXPECT_EQ(Attempts(), 3) << "an Open and two Commits";
  Set(&SinkLog::commits_to_fail, 0);
  StartWorker();
  EXPECT_TRUE(WaitFor({"a"}));
}

TEST_F(StoppedClockTest, AtStopWhatWorksAgainDrains) {
  Set(&SinkLog::commits_to_fail, 1);
  StartWorker();
  Write("a");
  ASSERT_TRUE(AwaitState("failing"));
  Write("b");
  EXPECT_TRUE(Stop());
  EXPECT_TRUE(WaitFor({"a", "b"}));
}

TEST_F(StoppedClockTest, AtStopAnEntryThatCannotBeWrittenInPiecesIsTriedOnceMore) {
  Set(&SinkLog::commits_to_fail, 1'000'000);
  StartWorker();
  const std::string text(100'000, 'x');
  Write(text, 40);
  ASSERT_TRUE(AwaitState("failing"));
  EXPECT_TRUE(Stop());
  EXPECT_EQ(Attempts(), 3);
  Set(&SinkLog::commits_to_fail, 0);
  StartWorker();
  EXPECT_TRUE(WaitFor(std::vector<std::string>(40, text)));
}

TEST_F(StoppedClockTest, AtStopASyncThatFailsIsNotRepeated) {
  Set(&SinkLog::syncs_to_fail, 1'000'000);
  StartWorker();
  Write("a");
  ASSERT_TRUE(WaitFor({"a"}));
  EXPECT_TRUE(Stop());
  MutexLock lock(&log_->mutex);
  EXPECT_EQ(log_->syncs, 1);
}

TEST_F(StoppedClockTest, ADestinationIsNotAskedBeforeTheTimeItNamed) {
  log_->failure = WithRetryAfter(absl::UnavailableError("busy"), std::chrono::hours(1));
  Set(&SinkLog::commits_to_fail, 1);
  StartWorker();
  Write("a");
  ASSERT_TRUE(AwaitState("failing"));
  Advance(std::chrono::minutes(59));
  EXPECT_EQ(Attempts(), 2) << "an Open and a Commit";
  Advance(std::chrono::minutes(1));
  EXPECT_TRUE(WaitFor({"a"}));
}

TEST_F(StoppedClockTest, ADestinationIsNotAskedBeforeTheTimeItNamedAtStopEither) {
  log_->failure = WithRetryAfter(absl::UnavailableError("busy"), std::chrono::hours(1));
  Set(&SinkLog::commits_to_fail, 1'000'000);
  StartWorker();
  Write("a");
  ASSERT_TRUE(AwaitState("failing"));
  EXPECT_TRUE(Stop());
  EXPECT_EQ(Attempts(), 2);
}

TEST_F(SinkWorkerTest, AtStopACallThatWaitsIsCancelled) {
  SetHang(true);
  StartWorker();
  Write("a");
  ASSERT_TRUE(log_->Wait([&]() NO_THREAD_SAFETY_ANALYSIS { return log_->attempts == 2; }));
  EXPECT_TRUE(Stop());
  MutexLock lock(&log_->mutex);
  EXPECT_TRUE(log_->cancelled);
}

TEST_F(SinkWorkerTest, AtStopACallThatDoesNotReturnIsLeftBehindLongBeforeTheDeadline) {
  SetHang(true);
  Set(&SinkLog::ignores_cancel, 1);
  StartWorker();
  Write("a");
  const auto begin = steady_clock::now();
  EXPECT_FALSE(Stop(seconds(60)));
  EXPECT_LT(steady_clock::now() - begin, seconds(20));
  SetHang(false);
}

}  // namespace
}  // namespace sluice::sinks
