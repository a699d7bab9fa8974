#include "agent/control/flush.h"

#include <atomic>
#include <chrono>
#include <optional>

#include "agent/base/event_loop.h"
#include "agent/sinks/stop_workers.h"
#include "gtest/gtest.h"
#include "tests/support/started_journal.h"
#include "tests/support/temp_directory.h"

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
    journal_ = testing::StartJournal(directory_.path(), &counters_);
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

  testing::TempDirectory directory_;
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

}  // namespace
}  // namespace sluice::control
