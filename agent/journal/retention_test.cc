#include "agent/journal/retention.h"

#include <cerrno>
#include <random>
#include <thread>

#include "absl/cleanup/cleanup.h"
#include "agent/base/retry_after.h"
#include "agent/base/user_of.h"
#include "agent/journal/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/journal_harness.h"
#include "tests/support/watched_file_system.h"

namespace sluice::journal {
namespace {

using ::testing::Contains;
using ::testing::Not;

// A journal of 64 KiB in segments of 4 KiB; entries of about 1 KiB.
class RetentionTest : public ::testing::Test {
 protected:
  Options SmallJournal() {
    Options options = JournalRun::TestOptions(&fs_, "/journal");
    options.max_bytes = 64 * 1024;
    options.keep_bytes = 16 * 1024;
    options.segment_bytes = 4 * 1024;
    options.clock = &clock_;
    return options;
  }
  // Writes until one is refused or `limit` are in; returns how many.
  int Fill(JournalRun* run, uid_t uid, int limit) {
    int taken = 0;
    while (taken < limit && run->Write(std::string(1000, 'x'), Urgency::kGrouped, uid) != 0) {
      ++taken;
    }
    run->journal().SyncNow();
    if (taken > 0) {
      EXPECT_TRUE(run->WaitForSync(run->journal().last_sequence()));
      // An entry that says so: else nothing may go.
      run->journal().Checkpoint();
      EXPECT_TRUE(run->WaitForCursorSave(run->journal().SaveCursorsNow()));
    }
    return taken;
  }
  // What a restart would find of the state.
  std::string CheckpointAfterRestart() {
    CrashFileSystem copy(fs_.StateNow());
    Options options = SmallJournal();
    options.file_system = &copy;
    return JournalRun(options).recovered().checkpoint();
  }
  void TrimUntilTheFirstGoes(JournalRun* run) {
    const auto deadline = TestDeadline();
    const uint64_t first = run->journal().GetUsage().first_sequence;
    while (run->journal().GetUsage().first_sequence == first) {
      ASSERT_LT(Now(), deadline);
      run->journal().Trim();
      std::this_thread::yield();
    }
  }

  CrashFileSystem fs_;
  FakeClock clock_{1'700'000'000'000'000'000};
};

TEST_F(RetentionTest, KeepsNoMoreThanKeepBytesOfWhatAllSinksAreDoneWith) {
  JournalRun run(SmallJournal());
  const auto log = run.journal().OpenReader("log");
  const auto kvp = run.journal().OpenReader("kvp");
  ASSERT_EQ(Fill(&run, kAlice, 30), 30);
  log->Commit(30);
  run.journal().Trim();
  EXPECT_EQ(run.journal().GetUsage().first_sequence, 1u) << "kvp has read nothing";
  kvp->Commit(30);
  run.journal().Trim();
  const Usage usage = run.journal().GetUsage();
  EXPECT_GT(usage.first_sequence, 1u);
  EXPECT_LE(usage.bytes, 16u * 1024 + 2 * 5 * 1024);
  EXPECT_GE(usage.bytes, 8u * 1024);
  EXPECT_EQ(run.counters().Total("journal.dropped"), 0u);
}

TEST_F(RetentionTest, TriesAgainWhereTheDiskRefusedToRemove) {
  FaultyFileSystem disk(&fs_);
  Options options = SmallJournal();
  options.file_system = &disk;
  JournalRun run(options);
  const auto log = run.journal().OpenReader("log");
  ASSERT_EQ(Fill(&run, kAlice, 30), 30);
  log->Commit(30);
  disk.RefuseWrites(EIO);
  run.journal().Trim();
  EXPECT_EQ(run.journal().GetUsage().first_sequence, 1u);
  disk.RefuseWrites(0);
  run.journal().Trim();
  EXPECT_GT(run.journal().GetUsage().first_sequence, 1u);
}

TEST_F(RetentionTest, ConsumedSegmentsMakeRoomBeforeAnybodyIsRefused) {
  Options options = SmallJournal();
  options.keep_bytes = options.max_bytes;
  JournalRun run(options);
  const auto log = run.journal().OpenReader("log");
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(Fill(&run, kAlice, 20), 20);
    log->Commit(run.journal().last_sequence());
  }
  EXPECT_LE(run.journal().GetUsage().bytes, options.max_bytes + 2048);
  EXPECT_EQ(run.counters().Total("journal.dropped"), 0u);
}

TEST_F(RetentionTest, RefusesAUserAboveItsShareWhenFull) {
  JournalRun run(SmallJournal());
  const auto log = run.journal().OpenReader("log");
  const int taken = Fill(&run, kAlice, 100);
  EXPECT_GT(taken, 40);
  EXPECT_LT(taken, 48) << "a quarter is root's";
  EXPECT_TRUE(absl::IsResourceExhausted(run.last_refusal()));
  EXPECT_TRUE(RetryAfter(run.last_refusal()).has_value());
  EXPECT_EQ(run.journal().GetUsage().first_sequence, 1u);
  EXPECT_EQ(run.counters().Total("journal.dropped"), 0u);
}

TEST_F(RetentionTest, RootHasRoomWhenOthersHaveNone) {
  JournalRun run(SmallJournal());
  const auto log = run.journal().OpenReader("log");
  Fill(&run, kAlice, 100);
  EXPECT_EQ(Fill(&run, 0, 5), 5);
  EXPECT_EQ(run.journal().GetUsage().first_sequence, 1u);
}

TEST_F(RetentionTest, TheOldestUnreadGoesForAUserWithinItsShareAndIsCounted) {
  JournalRun run(SmallJournal());
  const auto log = run.journal().OpenReader("log");
  const auto kvp = run.journal().OpenReader("kvp");
  Fill(&run, kAlice, 100);
  kvp->Commit(2);
  EXPECT_EQ(Fill(&run, kBob, 3), 3);
  const uint64_t first = run.journal().GetUsage().first_sequence;
  EXPECT_GT(first, 1u);
  EXPECT_EQ(run.counters().Total("journal.dropped", "log_full"), first - 1);
  EXPECT_EQ(run.counters().Total("journal.dropped", "kvp_full"), first - 3);
  for (const auto& value : run.counters().Snapshot()) {
    if (value.name == "journal.dropped") {
      EXPECT_EQ(value.uid, kAlice);
    }
  }
  log->Restore(0);
  EXPECT_EQ(log->Next(TestDeadline())->sequence, first);
  EXPECT_EQ(run.counters().Total("journal.damaged"), 0u);
}

TEST_F(RetentionTest, WhatASinkHasWrittenCountsAsLostNeitherNowNorAfterAKill) {
  Options options = SmallJournal();
  options.cursor_path = "/run/cursors";
  JournalRun run(options);
  const auto log = run.journal().OpenReader("log");
  ASSERT_EQ(Fill(&run, 0, 15), 15);
  log->MarkWritten(15);
  CrashFileSystem after(fs_.StateNow());
  options.file_system = &after;
  JournalRun next(options);
  const auto again = next.journal().OpenReader("log");
  for (JournalRun* one : {&run, &next}) {
    // Little by little: the oldest segment goes once what is behind it is synced.
    for (int i = 0; i < 10; ++i) ASSERT_EQ(Fill(one, 0, 10), 10);
    const uint64_t first = one->journal().GetUsage().first_sequence;
    ASSERT_GT(first, 16u);
    EXPECT_EQ(one->counters().Total("journal.dropped", "log_full"), first - 1 - 15);
  }
}

TEST_F(RetentionTest, SharesCountAfterARestartWithoutReadingOldSegments) {
  {
    JournalRun run(SmallJournal());
    const auto log = run.journal().OpenReader("log");
    Fill(&run, kAlice, 100);
  }
  JournalRun run(SmallJournal());
  const auto log = run.journal().OpenReader("log");
  EXPECT_LT(Fill(&run, kAlice, 100), 3);
  EXPECT_TRUE(absl::IsResourceExhausted(run.last_refusal()));
  EXPECT_EQ(Fill(&run, kBob, 3), 3);
}

TEST_F(RetentionTest, SubordinateUidsShareTheirUsersPartAlsoAfterARestart) {
  {
    JournalRun run(SmallJournal());
    const auto log = run.journal().OpenReader("log");
    Fill(&run, 165536, 100);
  }
  SetSubordinateUids({{165536, 231071, kAlice}});
  const absl::Cleanup forget = [] { SetSubordinateUids({}); };
  JournalRun run(SmallJournal());
  const auto log = run.journal().OpenReader("log");
  EXPECT_LT(Fill(&run, kAlice, 100), 3);
  EXPECT_LT(Fill(&run, 165537, 100), 3);
  EXPECT_TRUE(absl::IsResourceExhausted(run.last_refusal()));
  EXPECT_EQ(Fill(&run, kBob, 3), 3);
}

TEST_F(RetentionTest, WhatIsTooOldGoesAndIsCountedByAge) {
  Options options = SmallJournal();
  options.max_age = std::chrono::hours(24);
  JournalRun run(options);
  const auto log = run.journal().OpenReader("log");
  ASSERT_EQ(Fill(&run, kAlice, 12), 12);
  clock_.Advance(std::chrono::hours(24));
  run.journal().Trim();
  EXPECT_EQ(run.journal().GetUsage().first_sequence, 1u);
  clock_.Advance(std::chrono::nanoseconds(1));
  run.journal().Trim();
  const uint64_t first = run.journal().GetUsage().first_sequence;
  EXPECT_GT(first, 1u);
  EXPECT_EQ(run.counters().Total("journal.dropped", "log_age"), first - 1);
}

TEST_F(RetentionTest, AReaderInsideASegmentThatGoesCarriesOnWithTheNext) {
  JournalRun run(SmallJournal());
  const auto log = run.journal().OpenReader("log");
  log->Restore(0);
  Fill(&run, kAlice, 100);
  ASSERT_EQ(log->Next(TestDeadline())->sequence, 1u);
  Fill(&run, kBob, 6);
  const uint64_t first = run.journal().GetUsage().first_sequence;
  ASSERT_GT(first, 2u);
  EXPECT_EQ(run.counters().Total("journal.dropped", "log_full"), first - 2)
      << "the reader's sink has the first";
  EXPECT_EQ(log->Next(TestDeadline())->sequence, first);
}

TEST_F(RetentionTest, TheLastWholeCheckpointStaysWhileTheStateIsTooLargeForAnother) {
  {
    JournalRun run(SmallJournal());
    const auto log = run.journal().OpenReader("log");
    ASSERT_EQ(Fill(&run, kAlice, 1), 1);
    run.PadState(kMaxCheckpointPayloadBytes);
    ASSERT_EQ(Fill(&run, kAlice, 30), 30);
    log->Commit(31);
    run.journal().Trim();
    EXPECT_EQ(run.journal().GetUsage().first_sequence, 1u);
  }
  JournalRun run(SmallJournal());
  EXPECT_FALSE(run.recovered().checkpoint().empty());
  EXPECT_EQ(run.recovered().words().size(), 31u);
}

TEST_F(RetentionTest, ASegmentIsNotFullOfItsOpeningAlone) {
  JournalRun run(SmallJournal());
  const auto log = run.journal().OpenReader("log");
  run.PadState(2 * SmallJournal().segment_bytes);
  ASSERT_EQ(Fill(&run, 0, 5), 5);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(run.WaitForSync(run.Write("small", Urgency::kNow, 0)));
  EXPECT_EQ(ReadAll(log.get()), run.appended()) << "no opening took the place of an entry";
}

TEST_F(RetentionTest, TheLastWholeCheckpointStaysInAFullJournalUntilThereIsAnother) {
  JournalRun run(SmallJournal());
  const auto log = run.journal().OpenReader("log");
  ASSERT_EQ(Fill(&run, 0, 1), 1);
  run.PadState(kMaxCheckpointPayloadBytes);
  EXPECT_LT(Fill(&run, 0, 100), 70);
  EXPECT_TRUE(absl::IsResourceExhausted(run.last_refusal()));
  EXPECT_TRUE(RetryAfter(run.last_refusal()).has_value());
  run.journal().Trim();
  EXPECT_EQ(run.journal().GetUsage().first_sequence, 1u);
  EXPECT_NE(CheckpointAfterRestart(), "");
  run.PadState(0);
  run.journal().Trim();
  const auto deadline = TestDeadline();
  while (run.Write(std::string(1000, 'x'), Urgency::kNow, 0) == 0) ASSERT_LT(Now(), deadline);
  EXPECT_GT(run.journal().GetUsage().first_sequence, 1u);
  EXPECT_NE(CheckpointAfterRestart(), "");
}

TEST_F(RetentionTest, TheLastWholeCheckpointStaysHoweverOld) {
  JournalRun run(SmallJournal());
  ASSERT_EQ(Fill(&run, kAlice, 1), 1);
  run.PadState(kMaxCheckpointPayloadBytes);
  ASSERT_EQ(Fill(&run, kAlice, 12), 12);
  clock_.Advance(std::chrono::hours(24 * 365));
  run.journal().Trim();
  EXPECT_NE(CheckpointAfterRestart(), "");
}

TEST_F(RetentionTest, ASegmentGoesOnlyWhenTheStateBehindItIsSynced) {
  Options options = SmallJournal();
  options.keep_bytes = 0;
  options.group_delay = std::chrono::hours(1);
  JournalRun run(options);
  ASSERT_EQ(Fill(&run, kAlice, 3), 3);
  // The next segment opens behind this one, not synced.
  run.Write(std::string(2000, 'x'));
  ASSERT_EQ(run.journal().GetUsage().segments, 2u);
  run.journal().Trim();
  std::mt19937 random(1);
  for (const DiskState& state : fs_.SampleStates(&random, 500)) {
    CrashFileSystem after(state);
    Options next_options = options;
    next_options.file_system = &after;
    JournalRun next(next_options);
    ASSERT_NE(next.recovered().checkpoint(), "");
    ASSERT_GT(next.journal().GetUsage().next_sequence, 3u);
  }
  ASSERT_EQ(Fill(&run, kAlice, 1), 1);
  ASSERT_NO_FATAL_FAILURE(TrimUntilTheFirstGoes(&run));
}

// Without an entry, too, the state that a start writes down is synced, so that what is old can go.
TEST_F(RetentionTest, WhatIsTooOldGoesWhileNothingIsAppended) {
  {
    JournalRun run(SmallJournal());
    ASSERT_EQ(Fill(&run, kAlice, 3), 3);
  }
  JournalRun run(SmallJournal());
  clock_.Advance(std::chrono::hours(24 * 365));
  ASSERT_NO_FATAL_FAILURE(TrimUntilTheFirstGoes(&run));
  EXPECT_NE(CheckpointAfterRestart(), "");
}

TEST_F(RetentionTest, TheOnlyStateIsWrittenAgainWithTheEntriesBehindIt) {
  {
    JournalRun run(SmallJournal());
    ASSERT_EQ(Fill(&run, kAlice, 3), 3);
  }
  FaultyFileSystem faulty(&fs_);
  Options options = SmallJournal();
  options.file_system = &faulty;
  JournalRun run(options);
  clock_.Advance(std::chrono::hours(24 * 365));
  ASSERT_NO_FATAL_FAILURE(TrimUntilTheFirstGoes(&run));
  faulty.RefuseSyncs(EIO);
  // A segment and more, so that another opens behind it before any of it is synced.
  for (int i = 0; i < 6; ++i) run.Append(std::string(1000, 'x'));
  run.journal().CommitTurn();
  const auto deadline = TestDeadline();
  while (run.journal().GetUsage().error.empty()) ASSERT_LT(Now(), deadline);
  faulty.RefuseSyncs(0);
  ASSERT_TRUE(run.WaitForSync(run.appended().rbegin()->first));
  EXPECT_NE(CheckpointAfterRestart(), "");
}

TEST_F(RetentionTest, AReaderThatMeetsASegmentAsItGoesCountsNoDamage) {
  WatchedFileSystem watched(&fs_);
  Options options = SmallJournal();
  options.file_system = &watched;
  JournalRun run(options);
  const auto log = run.journal().OpenReader("log");
  log->Restore(0);
  Fill(&run, kAlice, 100);
  watched.after_unlink = [&](const std::string&) { log->Next(Now()); };
  Fill(&run, kBob, 6);
  watched.after_unlink = nullptr;
  EXPECT_GT(run.journal().GetUsage().first_sequence, 2u);
  EXPECT_GT(run.counters().Total("journal.dropped"), 0u);
  EXPECT_EQ(run.counters().Total("journal.damaged"), 0u);
}

// That all before it is synced has to stand in an entry: what is missing otherwise looks like what
// a power cut has undone, and all behind it would be given up.
TEST_F(RetentionTest, AKillRightAfterARemovalFindsAllThatIsLeft) {
  Options options = SmallJournal();
  options.keep_bytes = 0;
  options.group_delay = std::chrono::hours(1);
  JournalRun run(options);
  for (int i = 0; i < 20; ++i) run.Write(std::string(1000, 'x'));
  run.journal().SyncNow();
  ASSERT_TRUE(run.WaitForSync(20));
  run.journal().Trim();
  CrashFileSystem after(fs_.StateNow());
  options.file_system = &after;
  EXPECT_GE(JournalRun(options).journal().last_sequence(), 20u);
  ASSERT_NO_FATAL_FAILURE(TrimUntilTheFirstGoes(&run));
}

}  // namespace
}  // namespace sluice::journal
