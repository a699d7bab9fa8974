#include "agent/sinks/sink_worker.h"

#include <sys/eventfd.h>

#include <thread>

#include "agent/base/retry_after.h"
#include "tests/support/sinks/worker_fixture.h"

namespace sluice::sinks {
namespace {

TEST_F(StoppedClockTest, SaysSinceWhenAnEntryWaitsAndWhenItIsTriedAgain) {
  Set(&SinkLog::commits_to_fail, 1'000'000);
  log_->failure = WithRetryAfter(absl::UnavailableError("busy"), seconds(30));
  StartWorker();
  EXPECT_EQ(worker_->status().oldest_unix_nano, 0u);
  testing::AppendBatch(journal_.get(), 5, {testing::EventRecord("first")}, 7'000);
  testing::AppendBatch(journal_.get(), 5, {testing::EventRecord("second")}, 8'000);
  const auto deadline = steady_clock::now() + seconds(20);
  while (worker_->status().next_attempt_unix_nano == 0 && steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(worker_->status().next_attempt_unix_nano, stopped_.now + 30'000'000'000);
  EXPECT_EQ(worker_->status().oldest_unix_nano, 7'000u);
  Set(&SinkLog::commits_to_fail, 0);
  Advance(seconds(31));
  ASSERT_TRUE(WaitFor({"first", "second"}));
  std::promise<absl::Status> flushed;
  Flush(&flushed);
  ASSERT_TRUE(Answer(&flushed).ok());
  EXPECT_EQ(worker_->status().next_attempt_unix_nano, 0u);
  EXPECT_EQ(worker_->status().oldest_unix_nano, 0u);
}

TEST_F(SinkWorkerTest, WritesWhatIsJournalledInOrder) {
  StartWorker();
  Write("a");
  Write("b");
  EXPECT_TRUE(WaitFor({"a", "b"}));
}

TEST_F(SinkWorkerTest, RunsJobsOnItsThreadAlsoWhileTheSinkFails) {
  Set(&SinkLog::opens_to_fail, 1'000'000);
  StartWorker();
  for (int i = 0; i < 2; ++i) {
    std::promise<std::pair<std::string, bool>> seen;
    worker_->RunOnWorker([&seen, test = std::this_thread::get_id()](Sink& sink) {
      seen.set_value({sink.destination(), std::this_thread::get_id() == test});
    });
    auto future = seen.get_future();
    ASSERT_EQ(future.wait_for(seconds(20)), std::future_status::ready);
    EXPECT_EQ(future.get(), (std::pair<std::string, bool>("memory", false)));
    Set(&SinkLog::opens_to_fail, 0);
  }
}

TEST_F(SinkWorkerTest, TriesAFailedCommitAgainWithoutLossOrRepetition) {
  Set(&SinkLog::commits_to_fail, 3);
  StartWorker();
  Write("a");
  EXPECT_TRUE(WaitFor({"a"}));
  Write("b");
  EXPECT_TRUE(WaitFor({"a", "b"}));
  EXPECT_EQ(counters_.Total("sink.retries"), 3u);
}

TEST_F(SinkWorkerTest, WritesALargeEntryInPiecesWithoutLossOrRepetition) {
  Set(&SinkLog::commits_to_fail, 3);
  StartWorker();
  const std::string text(100'000, 'x');
  Write(text, 40);
  EXPECT_TRUE(WaitFor(std::vector<std::string>(40, text)));
  MutexLock lock(&log_->mutex);
  EXPECT_LT(log_->most_at_once, 1'200'000u);
}

TEST_F(SinkWorkerTest, NamesWhyACommitFailsOnlyWhileItFails) {
  Set(&SinkLog::commits_to_fail, 1'000'000);
  StartWorker();
  Write("a");
  EXPECT_TRUE(AwaitState("failing"));
  EXPECT_EQ(worker_->status().last_error, "disk full");
  Set(&SinkLog::commits_to_fail, 0);
  EXPECT_TRUE(AwaitState("ok"));
  EXPECT_EQ(worker_->status().last_error, "");
}

TEST_F(SinkWorkerTest, NamesWhyASyncFailsOnlyWhileItFails) {
  Set(&SinkLog::syncs_to_fail, 1);
  StartWorker();
  Write("a");
  EXPECT_TRUE(AwaitState("failing"));
  EXPECT_EQ(worker_->status().last_error, "EIO");
  EXPECT_TRUE(AwaitState("ok"));
  EXPECT_EQ(worker_->status().last_error, "");
}

TEST_F(SinkWorkerTest, IsNotOkWhileItsSinkHangs) {
  SetHang(true);
  StartWorker();
  Write("a");
  EXPECT_TRUE(AwaitState("failing"));
  EXPECT_EQ(worker_->status().last_error.find("its current call takes "), 0u);
  SetHang(false);
  EXPECT_TRUE(AwaitState("ok"));
  EXPECT_EQ(worker_->status().last_error, "");
}

TEST_F(SinkWorkerTest, WaitsForADestinationThatIsNotThereYet) {
  Set(&SinkLog::opens_to_fail, 2);
  Write("early");
  StartWorker();
  EXPECT_TRUE(WaitFor({"early"}));
}

TEST_F(SinkWorkerTest, TriesAgainAtOnceWhenTheSinkTells) {
  const UniqueFd told(::eventfd(0, EFD_CLOEXEC));
  log_->retry_fd = told.get();
  Set(&SinkLog::opens_to_fail, 1);
  StartWorker();
  Write("early");
  EXPECT_TRUE(log_->Wait([&]() NO_THREAD_SAFETY_ANALYSIS { return log_->opens_to_fail == 0; }));
  ::eventfd_write(told.get(), 1);
  EXPECT_TRUE(WaitFor({"early"}));
}

TEST_F(SinkWorkerTest, TriesAgainWhenAskedToThoughTheDestinationNamedATime) {
  log_->failure = WithRetryAfter(absl::UnavailableError("full"), std::chrono::hours(1));
  Set(&SinkLog::commits_to_fail, 1);
  StartWorker();
  EXPECT_FALSE(worker_->RetryNow());
  Write("a");
  ASSERT_TRUE(AwaitState("failing"));
  const auto deadline = steady_clock::now() + seconds(20);
  while (!worker_->RetryNow() && steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(WaitFor({"a"}));
  EXPECT_FALSE(worker_->RetryNow());
}

TEST_F(SinkWorkerTest, ASecondWorkerGoesOnWhereTheFirstOneStopped) {
  StartWorker();
  Write("a");
  EXPECT_TRUE(WaitFor({"a"}));
  EXPECT_TRUE(Stop());
  Write("b");
  StartWorker();
  EXPECT_TRUE(WaitFor({"a", "b"}));
}

TEST_F(SinkWorkerTest, FlushAnswersOnceWrittenAndSynced) {
  StartWorker();
  Write("a");
  std::promise<absl::Status> flushed;
  worker_->Flush(journal_->last_sequence(),
                 [&](const absl::Status& status) { flushed.set_value(status); });
  EXPECT_TRUE(Answer(&flushed).ok());
  MutexLock lock(&log_->mutex);
  EXPECT_EQ(log_->written, std::vector<std::string>{"a"});
  EXPECT_GE(log_->syncs, 1);
}

TEST_F(SinkWorkerTest, FlushSyncsWhatTheSinkDidOfItself) {
  StartWorker();
  for (const int failing : {1, 0}) {
    {
      MutexLock lock(&log_->mutex);
      log_->idles_to_need_sync = 1;
      log_->syncs_to_fail = failing;
    }
    std::promise<absl::Status> flushed;
    worker_->Flush(0, [&](const absl::Status& status) { flushed.set_value(status); });
    EXPECT_EQ(Answer(&flushed).code(),
              failing == 0 ? absl::StatusCode::kOk : absl::StatusCode::kDataLoss);
    EXPECT_TRUE(AwaitState("ok")) << "it is tried again";
    MutexLock lock(&log_->mutex);
    EXPECT_EQ(log_->idles_to_need_sync, 0);
  }
}

TEST_F(SinkWorkerTest, TheSinkIsIdleWhileItsFilterLetsNothingThrough) {
  StartWorker("off");
  std::promise<absl::Status> flushed;
  worker_->RunOnWorker([&](Sink&) {
    for (int i = 0; i < 1025; ++i) Write("a");
    Set(&SinkLog::idles_to_need_sync, 2);
    worker_->Flush(journal_->last_sequence(),
                   [&](const absl::Status& status) { flushed.set_value(status); });
  });
  EXPECT_TRUE(Answer(&flushed).ok());
  MutexLock lock(&log_->mutex);
  EXPECT_EQ(log_->idles_to_need_sync, 0)
      << "after as many entries as are read at once, and the rest";
  EXPECT_TRUE(log_->written.empty());
}

TEST_F(StoppedClockTest, WaitsForAsManyRecordsAsThePolicyAsksFor) {
  log_->policy = {.longest_wait = std::chrono::hours(1), .enough_records = 3};
  StartWorker();
  for (const char* text : {"a", "b", "c"}) Write(text);
  EXPECT_TRUE(WaitFor({"a", "b", "c"}));
  EXPECT_EQ(Commits(), std::vector<size_t>{3});
}

TEST_F(StoppedClockTest, WaitsForMoreNoLongerThanThePolicySays) {
  log_->policy = {.longest_wait = std::chrono::milliseconds(20), .enough_records = 3};
  clock_ = &Clock::System();
  StartWorker();
  Write("a");
  EXPECT_TRUE(WaitFor({"a"}));
}

TEST_F(StoppedClockTest, AFlushWaitsForNoMore) {
  log_->policy = {.longest_wait = std::chrono::hours(1), .enough_records = 3};
  StartWorker();
  Write("a");
  std::promise<absl::Status> flushed;
  worker_->Flush(journal_->last_sequence(),
                 [&](const absl::Status& status) { flushed.set_value(status); });
  EXPECT_TRUE(Answer(&flushed).ok());
  EXPECT_TRUE(WaitFor({"a"}));
}

TEST_F(StoppedClockTest, CommitsNoMoreAtOnceThanThePolicySays) {
  log_->policy = {.commit_records = 2};
  for (const char* text : {"a", "b", "c", "d"}) Write(text);
  StartWorker();
  EXPECT_TRUE(WaitFor({"a", "b", "c", "d"}));
  EXPECT_EQ(Commits(), (std::vector<size_t>{2, 2}));
}

TEST_F(StoppedClockTest, CommitsAsManyBytesAtOnceAsThePolicySays) {
  log_->policy = {.commit_bytes = 10 * 1024 * 1024};
  const std::string text(1'000'000, 'x');
  for (int i = 0; i < 5; ++i) Write(text);
  StartWorker();
  EXPECT_TRUE(WaitFor(std::vector<std::string>(5, text)));
  EXPECT_EQ(Commits(), std::vector<size_t>{5});
}

TEST_F(SinkWorkerTest, ANewFilterHoldsForWhatComesAfterIt) {
  StartWorker();
  Write("a");
  EXPECT_TRUE(WaitFor({"a"}));
  worker_->SetFilter(filter::Filter::Parse("off", {}).filter);
  Write("b");
  EXPECT_TRUE(Stop());
  MutexLock lock(&log_->mutex);
  EXPECT_EQ(log_->written, std::vector<std::string>{"a"});
}

TEST_F(SinkWorkerTest, RunsJobsAndAnswersFlushesBetweenTheRecordsOfAnEntry) {
  StartWorker();
  Write("before");
  std::promise<absl::Status> before;
  Flush(&before);
  ASSERT_TRUE(Answer(&before).ok());
  const uint64_t written = worker_->status().cursor;
  ASSERT_TRUE(Stop());

  size_t added = 0, at_job = 0, at_answer = 0;
  log_->on_add = [&](const stream::Delivery&) {
    if (++added != 1) return;
    worker_->RunOnWorker([&](Sink&) { at_job = added; });
    worker_->Flush(
        written, [&](absl::Status) { at_answer = added; }, SinkWorker::Whose::kRoots);
  };
  Write("u", 20'000);
  StartWorker();
  ASSERT_TRUE(Stop());
  EXPECT_EQ(added, 20'000u);
  EXPECT_GT(at_job, 0u);
  EXPECT_LE(at_job, 512u);
  EXPECT_GT(at_answer, 0u);
  EXPECT_LE(at_answer, 512u);
  EXPECT_EQ(Written().size(), 20'001u);
}

// The clock stands still: no second passes.
TEST_F(StoppedClockTest, SyncsWhatTheJournalWouldHaveToKeep) {
  StartWorker("off");
  const std::string text(60'000, 'x');
  for (int i = 0; i < 20; ++i) Write(text, 16);
  EXPECT_TRUE(log_->Wait([&]() NO_THREAD_SAFETY_ANALYSIS { return log_->syncs > 0; }));
}

TEST_F(SinkWorkerTest, TheCursorMovesOnWhileMuchIsReadAndNothingWritten) {
  StartWorker("off");
  std::vector<uint64_t> cursors;
  std::promise<void> written;
  worker_->RunOnWorker([&](Sink&) {
    for (int i = 0; i < 100; ++i) Write("u", 1'000);
    written.set_value();
  });
  written.get_future().wait();
  std::promise<absl::Status> early, all;
  worker_->Flush(20, [&](absl::Status status) {
    cursors.push_back(worker_->status().cursor);
    early.set_value(status);
  });
  Flush(&all);
  ASSERT_TRUE(Answer(&early).ok());
  ASSERT_TRUE(Answer(&all).ok());
  EXPECT_LE(cursors.front(), 100u);
}

}  // namespace
}  // namespace sluice::sinks
