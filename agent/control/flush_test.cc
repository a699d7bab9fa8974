#include "agent/control/flush.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <iterator>
#include <optional>

#include "agent/base/event_loop.h"
#include "agent/sinks/stop_workers.h"
#include "gtest/gtest.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/records.h"
#include "tests/support/started_journal.h"

namespace sluice::control {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

// Comes to nothing until `ready`.
class LateSink final : public sinks::Sink {
 public:
  LateSink(const std::atomic<bool>* ready, const std::function<void()>* on_add)
      : ready_(ready), on_add_(on_add) {}
  std::string destination() const override { return "memory"; }
  absl::Status Open() override {
    return *ready_ ? absl::OkStatus() : absl::NotFoundError("not yet");
  }
  void Add(const stream::Delivery&) override {
    if (*on_add_ != nullptr) (*on_add_)();
  }
  absl::Status Commit() override { return absl::OkStatus(); }
  absl::Status Sync() override { return absl::OkStatus(); }
  size_t pending_bytes() const override { return 0; }

 private:
  const std::atomic<bool>* const ready_;
  const std::function<void()>* const on_add_;
};

class FlushCoordinatorTest : public ::testing::Test {
 protected:
  FlushCoordinatorTest() {
    journal_ = testing::StartJournal("", &counters_, &fs_, [this](uint64_t) {
      loop_->Post([this] { coordinator_->OnSynced(); });
    });
    workers_.push_back(std::make_unique<sinks::SinkWorker>(
        std::make_unique<LateSink>(&ready_, &on_add_),
        sinks::SinkWorker::Options{.name = "late",
                                   .filter = filter::Filter::Parse("info", {}).filter,
                                   .journal = journal_.get(),
                                   .counters = &counters_}));
    workers_.front()->Start();
    coordinator_.emplace(loop_.get(), journal_.get(), &backlog_, &workers_);
  }
  ~FlushCoordinatorTest() override {
    ready_ = true;
    EXPECT_TRUE(sinks::StopWorkers(workers_, steady_clock::now() + seconds(20)).empty());
  }

  void Append(uid_t uid) {
    testing::AppendBatch(journal_.get(), uid, {v1::Record()});
    backlog_.Append(journal_->last_sequence(), uid, 1);
  }
  void Flush(uint32_t timeout_ms, uid_t caller = 0, v1::FlushScope scope = v1::FLUSH_SCOPE_OWN) {
    v1::FlushRequest request;
    request.add_sinks("none");
    request.add_sinks("late");
    request.set_timeout_ms(timeout_ms);
    request.set_scope(scope);
    request.set_flush_id(asked_++);
    coordinator_->Flush(caller, request, [this](const v1::FlushResponse& response) {
      answers_.push_back(response);
    });
  }
  bool AwaitAnswers(size_t count) {
    const auto deadline = steady_clock::now() + seconds(20);
    while (answers_.size() < count && steady_clock::now() < deadline) loop_->RunOnce(100);
    return answers_.size() == count;
  }

  CrashFileSystem fs_;
  Counters counters_;
  std::atomic<bool> ready_{false};
  std::function<void()> on_add_;  // on the worker's thread; set before anything is appended
  std::unique_ptr<net::EventLoop> loop_ = *net::EventLoop::Create();
  std::unique_ptr<journal::Journal> journal_;
  sinks::Backlog backlog_{0};
  std::vector<std::unique_ptr<sinks::SinkWorker>> workers_;
  std::optional<FlushCoordinator> coordinator_;
  uint64_t asked_ = 0;
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
    Append(0);
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
    Append(0);
    for (size_t i = 0; i < flushes; ++i) Flush(/*timeout_ms=*/20'000);
    ASSERT_TRUE(AwaitAnswers(answered + flushes));
    bytes.push_back(journal_->GetUsage().bytes - before);
  }
  EXPECT_EQ(bytes[0], bytes[1]);
}

TEST_F(FlushCoordinatorTest, WhatWentAheadOfTheQueueIsNotWrittenAgainAfterAPowerCut) {
  ready_ = true;
  std::promise<void> answered;
  // By value: the worker may come to it after the test.
  on_add_ = [go_on = answered.get_future().share(), added = 0]() mutable {
    if (++added == 10'000) go_on.wait();
  };
  std::promise<void> asked;
  workers_.front()->RunOnWorker([&](sinks::Sink&) { asked.get_future().wait(); });
  testing::AppendBatch(journal_.get(), 5, std::vector(20'000, testing::EventRecord("u")));
  backlog_.Append(1, 5, 20'000);
  Append(0);
  Flush(/*timeout_ms=*/20'000);
  asked.set_value();
  ASSERT_TRUE(AwaitAnswers(1));
  EXPECT_TRUE(answers_.back().sinks(1).done());
  EXPECT_EQ(workers_.front()->status().cursor, 0u);
  CrashFileSystem after(
      fs_.StateAfterPowerCut([](uint64_t, uint64_t*) { return CrashFileSystem::Fate::kLost; }));
  const auto journal = testing::StartJournal("", &counters_, &after);
  EXPECT_EQ(journal->OpenReader("late")->stored_cursor(), 0u);
  EXPECT_EQ(journal->OpenReader("late@root")->stored_cursor(), 2u);
  answered.set_value();
}

class FlushScopeTest : public FlushCoordinatorTest {
 protected:
  static constexpr uid_t kUser = 5, kOther = 6, kStuck = 7;

  // Two users and root have their entries in the sink, in that order. It waits until GoOn, and has
  // one of kStuck's before it.
  FlushScopeTest() {
    ready_ = true;
    for (const uid_t uid : {kUser, kOther, uid_t{0}}) Append(uid);
    Flush(/*timeout_ms=*/20'000, /*caller=*/0, v1::FLUSH_SCOPE_ALL);
    EXPECT_TRUE(AwaitAnswers(1));
    std::promise<void> stuck;
    workers_.front()->RunOnWorker([this, &stuck](sinks::Sink&) {
      stuck.set_value();
      go_on_.get_future().wait();
    });
    stuck.get_future().wait();
    Append(kStuck);
  }
  ~FlushScopeTest() override {
    if (!gone_on_) go_on_.set_value();
  }
  void GoOn() {
    gone_on_ = true;
    go_on_.set_value();
  }
  std::promise<void> go_on_;
  bool gone_on_ = false;
};

TEST_F(FlushScopeTest, WaitsForWhatTheCallerHasAndSaysSo) {
  Append(kOther);
  struct Case {
    uid_t caller;
    v1::FlushScope asked, scope;
  };
  const Case cases[] = {{kUser, v1::FLUSH_SCOPE_OWN, v1::FLUSH_SCOPE_OWN},
                        {kUser, v1::FLUSH_SCOPE_ALL, v1::FLUSH_SCOPE_OWN},
                        {0, v1::FLUSH_SCOPE_UNSPECIFIED, v1::FLUSH_SCOPE_OWN},
                        {kOther, v1::FLUSH_SCOPE_OWN, v1::FLUSH_SCOPE_OWN},
                        {0, v1::FLUSH_SCOPE_ALL, v1::FLUSH_SCOPE_ALL}};
  for (const Case& one : cases) Flush(/*timeout_ms=*/20'000, one.caller, one.asked);
  EXPECT_EQ(coordinator_->SequenceOf(kUser, v1::FLUSH_SCOPE_OWN), 1u);
  EXPECT_EQ(coordinator_->SequenceOf(kOther, v1::FLUSH_SCOPE_OWN), 5u);
  EXPECT_EQ(coordinator_->SequenceOf(0, v1::FLUSH_SCOPE_OWN), 3u);
  EXPECT_EQ(coordinator_->SequenceOf(0, v1::FLUSH_SCOPE_ALL), 5u);
  GoOn();
  ASSERT_TRUE(AwaitAnswers(1 + std::size(cases)));
  for (size_t i = 1; i < answers_.size(); ++i) {
    const uint64_t asked = answers_[i].flush_id();
    EXPECT_EQ(answers_[i].scope(), cases[asked - 1].scope) << asked;
    EXPECT_TRUE(answers_[i].sinks(1).done()) << asked;
  }
}

}  // namespace
}  // namespace sluice::control
