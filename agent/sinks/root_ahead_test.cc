#include "agent/sinks/root_ahead.h"

#include <algorithm>

#include "tests/support/fake_clock.h"
#include "tests/support/sinks/worker_fixture.h"

namespace sluice::sinks {
namespace {

using testing::EndRecord;
using testing::EventRecord;
using testing::StartRecord;
using Texts = std::vector<std::string>;

constexpr uid_t kRoot = 0;
constexpr uid_t kUser = 5;

// A queue of a user's with entries of root's in it.
class RootAheadTest : public SinkWorkerTest {
 protected:
  void WriteQueue(int users_records, const Texts& roots) {
    for (const std::string& text : roots) {
      Write("u", users_records);
      Write(text, 1, kRoot);
    }
    Write("u", users_records);
  }
  // Asks as soon as the queue is being read.
  void FlushRootsAtFirstRecord() {
    log_->on_add = [this, asked = false](const stream::Delivery&) mutable {
      if (!std::exchange(asked, true)) Flush(&flushed_, SinkWorker::Whose::kRoots);
    };
  }
  static Texts RootsOf(Texts texts) {
    std::erase(texts, "u");
    return texts;
  }
  static ptrdiff_t UsersBefore(const Texts& texts, const std::string& text) {
    return std::count(texts.begin(), std::find(texts.begin(), texts.end(), text), "u");
  }

  std::promise<absl::Status> flushed_;
};

TEST_F(RootAheadTest, WhatRootWaitsForGoesBeforeTheQueueInItsOrderAndOnce) {
  WriteQueue(20'000, {"r1", "r2", "r3"});
  FlushRootsAtFirstRecord();
  StartWorker();
  ASSERT_TRUE(Answer(&flushed_).ok());
  const Texts early = Written();
  EXPECT_EQ(RootsOf(early), (Texts{"r1", "r2", "r3"}));
  EXPECT_LE(UsersBefore(early, "r1"), 2'000) << "two steps and what is read at once";
  EXPECT_LT(worker_->status().cursor, journal_->last_sequence());

  Write("r4", 1, kRoot);
  std::promise<absl::Status> all;
  Flush(&all);
  ASSERT_TRUE(Answer(&all).ok());
  const Texts written = Written();
  EXPECT_EQ(RootsOf(written), (Texts{"r1", "r2", "r3", "r4"}));
  EXPECT_EQ(written.size(), 80'004u);
  EXPECT_EQ(worker_->status().written_records, 80'004u);
}

TEST_F(RootAheadTest, WhatNobodyWaitsForGoesFirstToo) {
  WriteQueue(20'000, {"r1", "r2"});
  log_->on_add = [this, asked = false](const stream::Delivery&) mutable {
    if (!std::exchange(asked, true)) worker_->PutRootFirst(2);
  };
  StartWorker();
  ASSERT_TRUE(log_->Wait(
      [&]() NO_THREAD_SAFETY_ANALYSIS { return RootsOf(log_->written) == Texts{"r1"}; }));
  ASSERT_TRUE(log_->Wait([&]() NO_THREAD_SAFETY_ANALYSIS { return log_->syncs > 0; }));
  EXPECT_LE(UsersBefore(Written(), "r1"), 2'000);
  ASSERT_TRUE(Stop());
  EXPECT_EQ(RootsOf(Written()), (Texts{"r1", "r2"}));
}

TEST_F(RootAheadTest, AQueueThatIsNearIsNotLeft) {
  WriteQueue(100, {"r1"});
  FlushRootsAtFirstRecord();
  StartWorker();
  ASSERT_TRUE(Answer(&flushed_).ok());
  EXPECT_EQ(UsersBefore(Written(), "r1"), 100);
}

TEST_F(RootAheadTest, AQueueOfLargeRecordsIsNotNear) {
  const std::string large(30'000, 'x');
  for (int i = 0; i < 10; ++i) Write(large, 40);
  Write("r1", 1, kRoot);
  FlushRootsAtFirstRecord();
  StartWorker();
  ASSERT_TRUE(Answer(&flushed_).ok());
  const Texts written = Written();
  const auto report = std::find(written.begin(), written.end(), "r1");
  EXPECT_LE(report - written.begin(), 160) << "400 are fewer than the queue may read of small ones";
  ASSERT_NE(report, written.end());
}

TEST_F(RootAheadTest, AQueueOfSlowRecordsIsNotNear) {
  FakeClock clock(1'000'000'000);
  clock_ = &clock;
  WriteQueue(800, {"r1"});
  log_->on_add = [&, asked = false](const stream::Delivery&) mutable {
    clock.Advance(std::chrono::milliseconds(1));
    if (!std::exchange(asked, true)) Flush(&flushed_, SinkWorker::Whose::kRoots);
  };
  StartWorker();
  ASSERT_TRUE(Answer(&flushed_).ok());
  EXPECT_LE(UsersBefore(Written(), "r1"), 200) << "a moment, and what is read at once";
  ASSERT_TRUE(Stop());
}

TEST_F(RootAheadTest, AllOfARootsOwnEntryComesBeforeWhatGoesAhead) {
  Write("own", 20'000, kRoot);
  WriteQueue(20'000, {"r1"});
  FlushRootsAtFirstRecord();
  StartWorker();
  ASSERT_TRUE(Answer(&flushed_).ok());
  const Texts roots = RootsOf(Written());
  ASSERT_EQ(roots.size(), 20'001u);
  EXPECT_EQ(roots.back(), "r1");
}

TEST_F(RootAheadTest, EachRecordStandsInTheSpansOfItsPlace) {
  testing::AppendBatch(journal_.get(), kRoot, {StartRecord(1, 1, 0, "boot")});
  Write("u", 20'000);
  testing::AppendBatch(journal_.get(), kUser, {EventRecord("within", 1, 1)});
  testing::AppendBatch(journal_.get(), kRoot,
                       {StartRecord(1, 2, 1, "inner"), EventRecord("r", 1, 2), EndRecord(1, 2)});
  testing::AppendBatch(journal_.get(), kUser, {EventRecord("still within", 1, 1)});
  testing::AppendBatch(journal_.get(), kRoot, {EndRecord(1, 1), EventRecord("last", 1, 1)});
  testing::AppendBatch(journal_.get(), kUser, {EventRecord("after", 1, 1)});
  Texts lines;
  log_->on_add = [&, asked = false](const stream::Delivery& delivery) mutable {
    if (!std::exchange(asked, true)) Flush(&flushed_, SinkWorker::Whose::kRoots);
    const std::string span = delivery.span == nullptr ? "-" : delivery.span->name;
    const bool is_event = delivery.kind == stream::Delivery::Kind::kEvent;
    const std::string what = is_event ? std::string(delivery.record->event.message.text)
                             : delivery.kind == stream::Delivery::Kind::kSpanOpened ? "open"
                                                                                    : "close";
    if (what != "u") lines.push_back(what + " in " + span);
  };
  StartWorker();
  ASSERT_TRUE(Answer(&flushed_).ok());
  ASSERT_TRUE(Stop());
  EXPECT_EQ(lines,
            (Texts{"open in boot", "open in inner", "r in inner", "close in inner", "close in boot",
                   "last in -", "within in boot", "still within in boot", "after in -"}));
}

TEST_F(RootAheadTest, AfterAKillTheQueueLeavesOutWhatWentAhead) {
  WriteQueue(20'000, {"r1", "r2"});
  FlushRootsAtFirstRecord();
  StartWorker();
  ASSERT_TRUE(Answer(&flushed_).ok());
  // It ends without having passed the queue.
  Set(&SinkLog::commits_to_fail, 1'000'000);
  ASSERT_TRUE(Stop());
  Set(&SinkLog::commits_to_fail, 0);
  log_->on_add = nullptr;
  Write("r3", 1, kRoot);
  StartWorker();
  ASSERT_TRUE(Stop());
  EXPECT_EQ(RootsOf(Written()), (Texts{"r1", "r2", "r3"}));
  EXPECT_GE(Written().size(), 60'003u);
}

TEST_F(RootAheadTest, AKilledWriteAheadIsRepeatedAloneAndInOrder) {
  WriteQueue(20'000, {"r1", "r2"});
  log_->on_add = [this, asked = 0](const stream::Delivery& delivery) mutable {
    const std::string_view text = delivery.record->event.message.text;
    if (asked == 0)
      worker_->Flush(
          2, [](absl::Status) {}, SinkWorker::Whose::kRoots),
          ++asked;
    if (asked == 1 && text == "r1") worker_->PutRootFirst(4), ++asked;
  };
  {
    MutexLock lock(&log_->mutex);
    log_->dies_after = "r2";
  }
  StartWorker();
  ASSERT_TRUE(log_->Wait([&]() NO_THREAD_SAFETY_ANALYSIS { return log_->commits_to_fail > 0; }));
  ASSERT_TRUE(Stop());
  EXPECT_EQ(RootsOf(Written()), (Texts{"r1", "r2"}));
  {
    MutexLock lock(&log_->mutex);
    log_->dies_after = "";
    log_->commits_to_fail = 0;
  }
  log_->on_add = nullptr;
  StartWorker();
  ASSERT_TRUE(Stop());
  EXPECT_EQ(RootsOf(Written()), (Texts{"r1", "r2", "r2"}));
}

TEST_F(RootAheadTest, WhatAnEarlierLifeTookIsNotTakenAgain) {
  WriteQueue(20'000, {"r1", "r2", "r3"});
  log_->on_add = [this, asked = false](const stream::Delivery&) mutable {
    if (!std::exchange(asked, true)) {
      worker_->Flush(
          2, [this](absl::Status status) { flushed_.set_value(status); },
          SinkWorker::Whose::kRoots);
    }
  };
  StartWorker();
  ASSERT_TRUE(Answer(&flushed_).ok());
  Set(&SinkLog::commits_to_fail, 1'000'000);
  ASSERT_TRUE(Stop());
  ASSERT_EQ(RootsOf(Written()), Texts{"r1"});
  Set(&SinkLog::commits_to_fail, 0);
  flushed_ = {};
  FlushRootsAtFirstRecord();
  StartWorker();
  ASSERT_TRUE(Answer(&flushed_).ok());
  EXPECT_EQ(RootsOf(Written()), (Texts{"r1", "r2", "r3"}));
  EXPECT_LT(worker_->status().cursor, journal_->last_sequence());
}

}  // namespace
}  // namespace sluice::sinks
