// A SinkWorker over a journal in a folder of its own, and a sink that keeps in memory what it gets
// and fails or hangs as a test says.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/sinks/sink_worker.h"
#include "agent/sinks/stop_workers.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/records.h"
#include "tests/support/sinks/recording_sink.h"
#include "tests/support/started_journal.h"
#include "tests/support/temp_directory.h"

namespace sluice::sinks {

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

  void Write(const std::string& text, int times = 1, uid_t uid = 5) {
    testing::AppendBatch(journal_.get(), uid,
                         std::vector(static_cast<size_t>(times), testing::EventRecord(text)));
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
  // The flush of everything, or of root's entries, journalled so far.
  uint64_t Flush(std::promise<absl::Status>* flushed,
                 SinkWorker::Whose whose = SinkWorker::Whose::kAll) {
    return worker_->Flush(
        journal_->last_sequence(),
        [flushed](const absl::Status& status) { flushed->set_value(status); }, whose);
  }
  std::vector<std::string> Written() {
    MutexLock lock(&log_->mutex);
    return log_->written;
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

}  // namespace sluice::sinks
