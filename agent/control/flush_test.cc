#include "agent/control/flush.h"

#include <atomic>
#include <chrono>
#include <optional>

#include "agent/base/event_loop.h"
#include "agent/sinks/stop_workers.h"
#include "gtest/gtest.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/started_journal.h"

namespace sluice::control {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

// Comes to nothing until `ready`.
class LateSink final : public sinks::Sink {
 public:
  explicit LateSink(const std::atomic<bool>* ready) : ready_(ready) {}
  std::string destination() const override { return "memory"; }
  absl::Status Open() override {
    return *ready_ ? absl::OkStatus() : absl::NotFoundError("not yet");
  }
  void Add(const stream::Delivery&) override {}
  absl::Status Commit() override { return absl::OkStatus(); }
  absl::Status Sync() override { return absl::OkStatus(); }
  size_t pending_bytes() const override { return 0; }

 private:
  const std::atomic<bool>* const ready_;
};

class FlushCoordinatorTest : public ::testing::Test {
 protected:
  FlushCoordinatorTest() {
    journal_ = testing::StartJournal("", &counters_, &fs_, [this](uint64_t) {
      loop_->Post([this] { coordinator_->OnSynced(); });
    });
    workers_.push_back(std::make_unique<sinks::SinkWorker>(
        std::make_unique<LateSink>(&ready_),
        sinks::SinkWorker::Options{.name = "late",
                                   .filter = filter::Filter::Parse("info", {}).filter,
                                   .journal = journal_.get(),
                                   .counters = &counters_}));
    workers_.front()->Start();
    coordinator_.emplace(loop_.get(), journal_.get(), &workers_);
  }
  ~FlushCoordinatorTest() override {
    ready_ = true;
    EXPECT_TRUE(sinks::StopWorkers(workers_, steady_clock::now() + seconds(20)).empty());
  }

  void Flush(uint32_t timeout_ms) {
    v1::FlushRequest request;
    request.add_sinks("none");
    request.add_sinks("late");
    request.set_timeout_ms(timeout_ms);
    coordinator_->Flush(
        request, [this](const v1::FlushResponse& response) { answers_.push_back(response); });
  }
  bool AwaitAnswers(size_t count) {
    const auto deadline = steady_clock::now() + seconds(20);
    while (answers_.size() < count && steady_clock::now() < deadline) loop_->RunOnce(100);
    return answers_.size() == count;
  }

  CrashFileSystem fs_;
  Counters counters_;
  std::atomic<bool> ready_{false};
  std::unique_ptr<net::EventLoop> loop_ = *net::EventLoop::Create();
  std::unique_ptr<journal::Journal> journal_;
  std::vector<std::unique_ptr<sinks::SinkWorker>> workers_;
  std::optional<FlushCoordinator> coordinator_;
  std::vector<v1::FlushResponse> answers_;
};

TEST_F(FlushCoordinatorTest, ASinkKeepsNoQuestionThatTimedOut) {
  constexpr size_t kTimes = 50;
  Flush(/*timeout_ms=*/20'000);
  for (size_t i = 0; i < kTimes; ++i) Flush(/*timeout_ms=*/1);
  ASSERT_TRUE(AwaitAnswers(kTimes));
  for (const v1::FlushResponse& answer : answers_) {
    EXPECT_FALSE(answer.sinks(1).done());
    EXPECT_NE(answer.sinks(1).error(), "");
  }
  EXPECT_EQ(workers_.front()->flushes_waiting(), 1u) << "the one whose time is not over";
  ready_ = true;
  ASSERT_TRUE(AwaitAnswers(kTimes + 1));
  EXPECT_TRUE(answers_.back().sinks(1).done());
  EXPECT_EQ(workers_.front()->flushes_waiting(), 0u);
}

TEST_F(FlushCoordinatorTest, WhatIsFlushedIsNotWrittenAgainAfterAPowerCut) {
  ready_ = true;
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    testing::AppendBatch(journal_.get(), 0, {v1::Record()});
    Flush(/*timeout_ms=*/20'000);
    ASSERT_TRUE(AwaitAnswers(sequence));
    EXPECT_TRUE(answers_.back().sinks(1).done());
    CrashFileSystem after(
        fs_.StateAfterPowerCut([](uint64_t, uint64_t*) { return CrashFileSystem::Fate::kLost; }));
    EXPECT_EQ(testing::StartJournal("", &counters_, &after)->OpenReader("late")->stored_cursor(),
              sequence);
  }
}

TEST_F(FlushCoordinatorTest, FlushesThatEndTogetherWriteTheCursorsOnce) {
  ready_ = true;
  // What the journal writes as it begins is counted some time after the start.
  Flush(/*timeout_ms=*/20'000);
  ASSERT_TRUE(AwaitAnswers(1));
  std::vector<uint64_t> bytes;
  for (const size_t flushes : {1, 10}) {
    const uint64_t before = journal_->GetUsage().bytes;
    const size_t answered = answers_.size();
    testing::AppendBatch(journal_.get(), 0, {v1::Record()});
    for (size_t i = 0; i < flushes; ++i) Flush(/*timeout_ms=*/20'000);
    ASSERT_TRUE(AwaitAnswers(answered + flushes));
    bytes.push_back(journal_->GetUsage().bytes - before);
  }
  EXPECT_EQ(bytes[0], bytes[1]);
}

}  // namespace
}  // namespace sluice::control
