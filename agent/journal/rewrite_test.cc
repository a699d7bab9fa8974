// What is written again to a new segment after a failure, seen from readers, accounts and those who
// append meanwhile.
#include <atomic>
#include <cerrno>
#include <future>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/journal_disk.h"
#include "tests/support/watched_file_system.h"

namespace sluice::journal {
namespace {

class RewriteTest : public ::testing::Test {
 protected:
  Options SyncedOnDemand() {
    Options options = ScriptOptions(&fs_);
    options.group_delay = std::chrono::hours(1);
    return options;
  }

  CrashFileSystem disk_;
  WatchedFileSystem fs_{&disk_};
  JournalRun run_{SyncedOnDemand()};
};

TEST_F(RewriteTest, AnEntryCommittedBehindTheNewSegmentIsCharged) {
  run_.Write("a");
  run_.Append("b");
  fs_.RefuseSyncs(EIO);
  run_.journal().SyncNow();
  ASSERT_NO_FATAL_FAILURE(WaitForRefusal(&run_));
  fs_.RefuseSyncs(0);
  ASSERT_TRUE(run_.WaitForSync(1));
  ASSERT_NO_FATAL_FAILURE(ExpectUsageIsWhatFilesHold(&run_, &disk_));
}

TEST_F(RewriteTest, TwoNewSegmentsInARowAreBothCharged) {
  ASSERT_TRUE(run_.WaitForSync(run_.Write("a", Urgency::kNow)));
  run_.Write("b");
  run_.Append("c");
  fs_.RefuseSyncs(EIO);
  run_.journal().SyncNow();
  ASSERT_NO_FATAL_FAILURE(WaitForRefusal(&run_));
  std::promise<void> is_writing_again;
  std::promise<void> may_go_on;
  disk_.OnNextFileSync([&] {
    is_writing_again.set_value();
    may_go_on.get_future().wait();
  });
  fs_.RefuseSyncs(0);
  is_writing_again.get_future().wait();
  // Too late for this segment: in the next.
  run_.journal().CommitTurn();
  may_go_on.set_value();
  ASSERT_TRUE(run_.WaitForSync(3));
  std::vector<std::string> names;
  disk_.List("/journal", &names);
  EXPECT_THAT(names,
              ::testing::UnorderedElementsAre(SegmentName(1), SegmentName(2), SegmentName(3)));
  ASSERT_NO_FATAL_FAILURE(ExpectUsageIsWhatFilesHold(&run_, &disk_));
}

TEST_F(RewriteTest, WhatIsLentIsHeldUntilItStandsInTheNewSegment) {
  auto payload = std::make_shared<const std::string>(BatchOf(1000, {std::string(100, 'x')}));
  const std::weak_ptr<const std::string> lent = payload;
  ASSERT_TRUE(
      run_.journal().Append(1000, {std::string_view(*payload)}, Urgency::kGrouped, payload).ok());
  payload = nullptr;
  fs_.RefuseSyncs(EIO);
  run_.journal().CommitTurn();
  run_.journal().SyncNow();
  ASSERT_NO_FATAL_FAILURE(WaitForRefusal(&run_));
  EXPECT_FALSE(lent.expired());
  fs_.RefuseSyncs(0);
  ASSERT_TRUE(run_.WaitForSync(1));
  EXPECT_TRUE(lent.expired());
  EXPECT_EQ(ReadAll(&run_.journal())[1], std::string(100, 'x'));
}

// An entry that comes in the moment in which the disk is found to take writes again is written,
// too. Many tries, since nothing stops the sync thread right there.
TEST(HealingTest, AnEntryCommittedAsTheDiskHealsIsNotForgotten) {
  for (int i = 0; i < 500; ++i) {
    SCOPED_TRACE(i);
    CrashFileSystem disk;
    FaultyFileSystem fs(&disk);
    Options options = ScriptOptions(&fs);
    options.group_delay = std::chrono::hours(1);
    JournalRun run(options);
    run.Write("a");
    run.Append("b");
    fs.RefuseSyncs(EIO);
    run.journal().SyncNow();
    ASSERT_NO_FATAL_FAILURE(WaitForRefusal(&run));
    std::atomic<bool> is_writing_again{false};
    disk.OnNextFileSync([&] { is_writing_again = true; });
    fs.RefuseSyncs(0);
    while (!is_writing_again) std::this_thread::yield();
    for (int turn = 0; turn < i * 20; ++turn) is_writing_again = true;
    run.journal().CommitTurn();
    run.journal().SyncNow();
    ASSERT_TRUE(run.WaitForSync(2));
    CrashFileSystem after(
        disk.StateAfterPowerCut([](uint64_t, uint64_t*) { return CrashFileSystem::Fate::kLost; }));
    JournalRun next(ScriptOptions(&after));
    ASSERT_EQ(next.recovered().words(), run.appended());
  }
}

// Segments that were full before any sync are written again as one: a reader that comes for one of
// them when its name is gone waits for the new one.
TEST_F(RewriteTest, AReaderThatMeetsASegmentAsItGoesCountsNoDamage) {
  const auto reader = run_.journal().OpenReader("log");
  reader->Restore(0);
  fs_.RefuseSyncs(EIO);
  const auto fill_until = [&](uint32_t segments) {
    while (run_.journal().GetUsage().segments < segments) run_.Write(std::string(200, 'x'));
  };
  fill_until(2);
  Words read = ReadAll(reader.get());
  fill_until(4);
  int unlinks = 0;
  // The first to go is the one that the reader has open.
  fs_.after_unlink = [&](const std::string& path) {
    if (ParseSegmentName(path.substr(path.rfind('/') + 1)) && ++unlinks == 2) {
      read.merge(ReadAll(reader.get()));
    }
  };
  const uint64_t last = run_.Write("last", Urgency::kNow);
  ASSERT_NO_FATAL_FAILURE(WaitForRefusal(&run_));
  fs_.RefuseSyncs(0);
  ASSERT_TRUE(run_.WaitForSync(last));
  fs_.after_unlink = nullptr;
  EXPECT_EQ(unlinks, 3);
  read.merge(ReadAll(reader.get()));
  EXPECT_EQ(read, run_.appended());
  EXPECT_EQ(run_.counters().Total("journal.damaged"), 0u);
}

// The segment before may hold entries that stand in the new one, too, and is cut there.
TEST_F(RewriteTest, AReaderInASegmentThatIsCutMissesNothing) {
  const auto reader = run_.journal().OpenReader("log");
  reader->Restore(0);
  ASSERT_TRUE(run_.WaitForSync(run_.Write("a", Urgency::kNow)));
  Words read = ReadAll(reader.get());
  run_.Write(std::string(300, 'x'));
  run_.Write(std::string(600, 'x'));
  ASSERT_EQ(run_.journal().GetUsage().segments, 2u);
  fs_.RefuseSyncs(EIO);
  int cuts = 0;
  fs_.before_cut = [&] {
    ++cuts;
    read.merge(ReadAll(reader.get()));
  };
  const uint64_t last = run_.Write("last", Urgency::kNow);
  ASSERT_NO_FATAL_FAILURE(WaitForRefusal(&run_));
  fs_.RefuseSyncs(0);
  ASSERT_TRUE(run_.WaitForSync(last));
  ASSERT_TRUE(run_.WaitForSync(WriteOnceTaken(&run_, "behind")));  // the cut is over
  fs_.before_cut = nullptr;
  EXPECT_EQ(cuts, 1);
  read.merge(ReadAll(reader.get()));
  EXPECT_EQ(read, run_.appended());
  EXPECT_EQ(run_.counters().Total("journal.damaged"), 0u);
}

}  // namespace
}  // namespace sluice::journal
