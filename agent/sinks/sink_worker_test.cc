#include "agent/sinks/sink_worker.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <future>

#include "gtest/gtest.h"
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
  int commits_to_fail GUARDED_BY(mutex) = 0;
  int opens_to_fail GUARDED_BY(mutex) = 0;
  bool hang GUARDED_BY(mutex) = false;
  int syncs GUARDED_BY(mutex) = 0;
  int syncs_to_fail GUARDED_BY(mutex) = 0;
  int tends_to_need_sync GUARDED_BY(mutex) = 0;
  int retry_fd = -1;  // set before the worker starts

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
  absl::string_view name() const override { return "recording"; }
  std::string destination() const override { return "memory"; }

  absl::Status Open() override {
    MutexLock lock(&log_->mutex);
    log_->changed.NotifyAll();
    if (log_->opens_to_fail > 0 && log_->opens_to_fail-- > 0) return absl::NotFoundError("no dir");
    return absl::OkStatus();
  }
  void Add(const Delivery& delivery) override {
    if (delivery.kind == Delivery::Kind::kEvent) {
      pending_.emplace_back(delivery.record->event.message.text);
    }
  }
  absl::Status Commit() override {
    MutexLock lock(&log_->mutex);
    while (log_->hang) log_->changed.Wait(&log_->mutex);
    if (log_->commits_to_fail > 0) {
      --log_->commits_to_fail;
      return absl::UnavailableError("disk full");
    }
    log_->most_at_once = std::max(log_->most_at_once, pending_bytes());
    for (std::string& text : pending_) log_->written.push_back(std::move(text));
    pending_.clear();
    log_->changed.NotifyAll();
    return absl::OkStatus();
  }
  int retry_fd() const override { return log_->retry_fd; }
  absl::Status Sync() override {
    MutexLock lock(&log_->mutex);
    ++log_->syncs;
    if (log_->syncs_to_fail > 0 && log_->syncs_to_fail-- > 0) return absl::DataLossError("EIO");
    return absl::OkStatus();
  }
  bool Tend() override {
    MutexLock lock(&log_->mutex);
    return log_->tends_to_need_sync > 0 && log_->tends_to_need_sync-- > 0;
  }
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
    worker_ = std::make_unique<SinkWorker>(std::make_unique<RecordingSink>(log_),
                                           filter::Filter::Parse(filter, {}).filter, journal_.get(),
                                           &counters_);
    worker_->Start();
  }
  bool Stop() {
    const bool clean = worker_->Stop(steady_clock::now() + seconds(20));
    worker_.reset();
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
  std::unique_ptr<SinkWorker> worker_;
};

TEST_F(SinkWorkerTest, WritesWhatIsJournalledInOrder) {
  StartWorker();
  Write("a");
  Write("b");
  EXPECT_TRUE(WaitFor({"a", "b"}));
}

TEST_F(SinkWorkerTest, CarriesOutOrdersOnItsThreadAlsoWhileTheSinkFails) {
  Set(&SinkLog::opens_to_fail, 1'000'000);
  StartWorker();
  for (int i = 0; i < 2; ++i) {
    std::promise<std::pair<std::string, bool>> seen;
    worker_->Do([&seen, test = std::this_thread::get_id()](Sink& sink) {
      seen.set_value({std::string(sink.name()), std::this_thread::get_id() == test});
    });
    auto future = seen.get_future();
    ASSERT_EQ(future.wait_for(seconds(20)), std::future_status::ready);
    EXPECT_EQ(future.get(), (std::pair<std::string, bool>("recording", false)));
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
      log_->tends_to_need_sync = 1;
      log_->syncs_to_fail = failing;
    }
    std::promise<absl::Status> flushed;
    worker_->Flush(0, [&](const absl::Status& status) { flushed.set_value(status); });
    EXPECT_EQ(Answer(&flushed).code(),
              failing == 0 ? absl::StatusCode::kOk : absl::StatusCode::kDataLoss);
    EXPECT_TRUE(AwaitState("ok")) << "it is tried again";
    MutexLock lock(&log_->mutex);
    EXPECT_EQ(log_->tends_to_need_sync, 0);
  }
}

TEST_F(SinkWorkerTest, TendsTheSinkWhileItsFilterLetsNothingThrough) {
  StartWorker("off");
  std::promise<absl::Status> flushed;
  worker_->Do([&](Sink&) {
    for (int i = 0; i < 1025; ++i) Write("a");
    Set(&SinkLog::tends_to_need_sync, 2);
    worker_->Flush(journal_->last_sequence(),
                   [&](const absl::Status& status) { flushed.set_value(status); });
  });
  EXPECT_TRUE(Answer(&flushed).ok());
  MutexLock lock(&log_->mutex);
  EXPECT_EQ(log_->tends_to_need_sync, 0)
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
  EXPECT_FALSE(worker_->Stop(steady_clock::now() + std::chrono::milliseconds(100)));
  SetHang(false);
  EXPECT_TRUE(Stop());
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
