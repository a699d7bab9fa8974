#include "agent/sinks/sink_worker.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <future>

#include "agent/base/retry_after.h"
#include "agent/sinks/stop_workers.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/records.h"
#include "tests/support/started_journal.h"
#include "tests/support/temp_directory.h"

namespace sluice::sinks {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::EventRecord;

// What the test and the worker's thread share of the sink.
struct SinkLog {
  Mutex mutex;
  CondVar changed;
  std::vector<std::string> written GUARDED_BY(mutex);
  size_t most_at_once GUARDED_BY(mutex) = 0;
  std::vector<size_t> commits GUARDED_BY(mutex);  // records of each that wrote any
  int commits_to_fail GUARDED_BY(mutex) = 0;
  int opens_to_fail GUARDED_BY(mutex) = 0;
  bool hang GUARDED_BY(mutex) = false;
  int syncs GUARDED_BY(mutex) = 0;
  int syncs_to_fail GUARDED_BY(mutex) = 0;
  int idles_to_need_sync GUARDED_BY(mutex) = 0;
  int attempts GUARDED_BY(mutex) = 0;  // Open, Commit and Sync
  bool cancelled GUARDED_BY(mutex) = false;
  int ignores_cancel GUARDED_BY(mutex) = 0;
  // Set before the worker starts.
  int retry_fd = -1;
  SinkPolicy policy;
  absl::Status failure = absl::UnavailableError("disk full");

  bool Wait(const std::function<bool()>& condition) {
    const auto deadline = steady_clock::now() + seconds(20);
    MutexLock lock(&mutex);
    while (!condition()) {
      if (!changed.WaitUntil(&mutex, deadline) && !condition()) return false;
    }
    return true;
  }
};

class RecordingSink final : public Sink {
 public:
  explicit RecordingSink(std::shared_ptr<SinkLog> log) : log_(std::move(log)) {}
  std::string destination() const override { return "memory"; }
  SinkPolicy policy() const override { return log_->policy; }

  absl::Status Open() override {
    MutexLock lock(&log_->mutex);
    ++log_->attempts;
    log_->changed.NotifyAll();
    if (log_->opens_to_fail > 0 && log_->opens_to_fail-- > 0) return absl::NotFoundError("no dir");
    return absl::OkStatus();
  }
  void Add(const stream::Delivery& delivery) override {
    if (delivery.kind == stream::Delivery::Kind::kEvent) {
      pending_.emplace_back(delivery.record->event.message.text);
    }
  }
  absl::Status Commit() override {
    MutexLock lock(&log_->mutex);
    ++log_->attempts;
    log_->changed.NotifyAll();
    while (log_->hang) log_->changed.Wait(&log_->mutex);
    if (log_->commits_to_fail > 0) {
      --log_->commits_to_fail;
      return log_->failure;
    }
    log_->most_at_once = std::max(log_->most_at_once, pending_bytes());
    if (!pending_.empty()) log_->commits.push_back(pending_.size());
    for (std::string& text : pending_) log_->written.push_back(std::move(text));
    pending_.clear();
    log_->changed.NotifyAll();
    return absl::OkStatus();
  }
  int retry_fd() const override { return log_->retry_fd; }
  absl::Status Sync() override {
    MutexLock lock(&log_->mutex);
    ++log_->attempts;
    ++log_->syncs;
    log_->changed.NotifyAll();
    if (log_->syncs_to_fail > 0 && log_->syncs_to_fail-- > 0) return absl::DataLossError("EIO");
    return absl::OkStatus();
  }
  bool OnIdle() override {
    MutexLock lock(&log_->mutex);
    return log_->idles_to_need_sync > 0 && log_->idles_to_need_sync-- > 0;
  }
  void Cancel() override {
    MutexLock lock(&log_->mutex);
    log_->cancelled = true;
    if (log_->ignores_cancel != 0) return;
    log_->hang = false;
    log_->commits_to_fail = 1'000'000;
    log_->changed.NotifyAll();
  }
  size_t pending_records() const override { return pending_.size(); }
  size_t pending_bytes() const override {
    size_t bytes = 0;
    for (const std::string& text : pending_) bytes += text.size();
    return bytes;
  }

 private:
  const std::shared_ptr<SinkLog> log_;
  std::vector<std::string> pending_;
};

class SinkWorkerTest : public ::testing::Test {
 protected:
  SinkWorkerTest() : journal_(testing::StartJournal(directory_.path(), &counters_)) {}
  ~SinkWorkerTest() override {
    if (worker_ != nullptr) Stop();
  }

  void StartWorker(const std::string& filter = "info") {
    workers_.push_back(std::make_unique<SinkWorker>(
        std::make_unique<RecordingSink>(log_),
        SinkWorker::Options{.name = "recording",
                            .filter = filter::Filter::Parse(filter, {}).filter,
                            .journal = journal_.get(),
                            .counters = &counters_,
                            .clock = clock_}));
    worker_ = workers_.front().get();
    worker_->Start();
  }
  // Whether the worker ended.
  bool Stop(steady_clock::duration within = seconds(20)) {
    const bool clean = StopWorkers(workers_, steady_clock::now() + within).empty();
    if (clean) {
      workers_.clear();
      worker_ = nullptr;
    }
    return clean;
  }

  void Write(const std::string& text, int times = 1) {
    testing::AppendBatch(journal_.get(), 5,
                         std::vector(static_cast<size_t>(times), EventRecord(text)));
  }

  bool WaitFor(std::vector<std::string> texts) {
    return log_->Wait([&]() NO_THREAD_SAFETY_ANALYSIS { return log_->written == texts; });
  }
  bool AwaitState(const std::string& state) {
    const auto deadline = steady_clock::now() + seconds(20);
    while (worker_->status().state != state) {
      if (steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  // What a flush says, or that it says nothing in time.
  static absl::Status Answer(std::promise<absl::Status>* flushed) {
    auto answer = flushed->get_future();
    if (answer.wait_for(seconds(20)) == std::future_status::ready) return answer.get();
    return absl::DeadlineExceededError("no answer");
  }
  void Set(int SinkLog::*member, int value) {
    MutexLock lock(&log_->mutex);
    (*log_).*member = value;
  }

  void SetHang(bool hang) {
    MutexLock lock(&log_->mutex);
    log_->hang = hang;
    log_->changed.NotifyAll();
  }

  testing::TempDirectory directory_;
  Counters counters_;
  std::unique_ptr<journal::Journal> journal_;
  std::shared_ptr<SinkLog> log_ = std::make_shared<SinkLog>();
  const Clock* clock_ = &Clock::System();
  std::vector<std::unique_ptr<SinkWorker>> workers_;
  SinkWorker* worker_ = nullptr;  // of workers_
};

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

// A clock that stands still ends no wait between two attempts.
class StoppedClockTest : public SinkWorkerTest {
 protected:
  StoppedClockTest() { clock_ = &stopped_; }
  ~StoppedClockTest() override {
    if (worker_ != nullptr) Stop();
  }

  int Attempts() {
    MutexLock lock(&log_->mutex);
    return log_->attempts;
  }
  std::vector<size_t> Commits() {
    MutexLock lock(&log_->mutex);
    return log_->commits;
  }
  // The worker looks at the clock again.
  void Advance(std::chrono::nanoseconds by) {
    stopped_.Advance(by);
    std::promise<void> seen;
    worker_->RunOnWorker([&](Sink&) { seen.set_value(); });
    EXPECT_EQ(seen.get_future().wait_for(seconds(20)), std::future_status::ready);
  }

  FakeClock stopped_{seconds(1'000'000'000).count()};
};

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

}  // namespace
}  // namespace sluice::sinks
