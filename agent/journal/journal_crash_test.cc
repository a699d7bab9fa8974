// Power cuts and killed agents: every state that the disk may show afterwards is recovered, and
// what was acknowledged is there.
#include <future>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/journal_harness.h"

namespace sluice::journal {
namespace {

Options SmallSegments(FileSystem* fs) {
  Options options = JournalRun::TestOptions(fs, "/journal");
  options.segment_bytes = 700;
  options.group_delay = std::chrono::hours(1);
  return options;
}

// What recovery found holds all that was acknowledged, nothing that was not appended, and no gap: a
// client's second batch is of no use without its first.
void ExpectSound(const Words& acknowledged, const Words& found, const Words& appended) {
  uint64_t expected = 1;
  for (const auto& [sequence, word] : found) {
    ASSERT_EQ(sequence, expected++) << "a gap";
    ASSERT_EQ(appended.count(sequence), 1u) << sequence;
    ASSERT_EQ(word, appended.at(sequence));
  }
  ASSERT_GE(found.size(), acknowledged.size());
}

void RecoverEach(const JournalRun& run, const CrashFileSystem& disk, std::mt19937* random,
                 size_t limit) {
  const Words acknowledged = run.Acknowledged();
  for (const DiskState& state : disk.SampleStates(random, limit)) {
    CrashFileSystem after(state);
    JournalRun next(SmallSegments(&after));
    ASSERT_TRUE(next.is_open()) << next.status();
    const Words found = ReadAll(&next.journal());
    ASSERT_NO_FATAL_FAILURE(ExpectSound(acknowledged, found, run.appended()));
    EXPECT_EQ(next.counters().Total("journal.damaged"), 0u);
    // And it goes on from there.
    ASSERT_EQ(next.Write("next", Urgency::kNow), found.size() + 1);
    ASSERT_TRUE(next.WaitForSync(found.size() + 1));
    ASSERT_EQ(ReadAll(&next.journal()).size(), found.size() + 1);
  }
}

TEST(JournalCrashTest, EveryStateOfASmallRunIsRecovered) {
  std::mt19937 random(1);
  CrashFileSystem disk;
  JournalRun run(SmallSegments(&disk));
  ASSERT_NO_FATAL_FAILURE(RecoverEach(run, disk, &random, 2000));
  ASSERT_TRUE(run.WaitForSync(run.Write("a", Urgency::kNow)));
  ASSERT_NO_FATAL_FAILURE(RecoverEach(run, disk, &random, 2000));
  run.Write("b");
  run.Write("c");
  ASSERT_NO_FATAL_FAILURE(RecoverEach(run, disk, &random, 2000));
  // Over the end of the segment, nothing of it synced.
  run.Write(std::string(600, 'd'));
  run.Write("e");
  ASSERT_GT(run.journal().GetUsage().segments, 1u);
  ASSERT_NO_FATAL_FAILURE(RecoverEach(run, disk, &random, 2000));
  run.journal().SyncNow();
  ASSERT_TRUE(run.WaitForSync(5));
  ASSERT_NO_FATAL_FAILURE(RecoverEach(run, disk, &random, 2000));
}

TEST(JournalCrashTest, SampledStatesOfLongRunsAreRecovered) {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    CrashFileSystem disk;
    JournalRun run(SmallSegments(&disk));
    for (int i = 0; i < 40; ++i) {
      run.Append("w" + std::to_string(i) + std::string(random() % 300, '.'));
      if (random() % 3 != 0) run.journal().CommitTurn();
      if (random() % 9 == 0) run.journal().SyncNow();
      if (random() % 11 == 0) run.journal().Checkpoint();
      if (random() % 8 == 0) {
        ASSERT_NO_FATAL_FAILURE(RecoverEach(run, disk, &random, 4));
      }
    }
  }
}

TEST(JournalCrashTest, PowerCutsAroundAFailedSyncAreRecovered) {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    CrashFileSystem disk;
    FaultyFileSystem fs(&disk);
    JournalRun run(SmallSegments(&fs));
    for (int i = 0; i < 30; ++i) {
      if (random() % 10 == 0) fs.FailCall(static_cast<int64_t>(random() % 12), 5);
      run.Write("w" + std::to_string(i) + std::string(random() % 300, '.'),
                random() % 3 == 0 ? Urgency::kNow : Urgency::kGrouped);
      if (random() % 6 == 0) {
        ASSERT_NO_FATAL_FAILURE(RecoverEach(run, disk, &random, 4));
      }
    }
  }
}

TEST(JournalCrashTest, APowerCutDuringRecoveryIsRecovered) {
  std::mt19937 random(7);
  CrashFileSystem disk;
  JournalRun run(SmallSegments(&disk));
  ASSERT_TRUE(run.WaitForSync(run.Write("a", Urgency::kNow)));
  for (const char* word : {"b", "c", "d"}) run.Write(word + std::string(250, '.'));
  for (const DiskState& state : disk.SampleStates(&random, 20)) {
    CrashFileSystem after(state);
    JournalRun next(SmallSegments(&after));
    ASSERT_TRUE(next.is_open());
    // What the second run found counts as durable from its start on.
    const Words found = ReadAll(&next.journal());
    for (const DiskState& second : after.SampleStates(&random, 10)) {
      CrashFileSystem last(second);
      JournalRun third(SmallSegments(&last));
      ASSERT_EQ(ReadAll(&third.journal()), found);
    }
  }
}

// What goes to a segment while it is being synced is not covered by that sync, even when the
// segment is full before the sync returns.
TEST(JournalCrashTest, WritesDuringTheLastSyncOfASegmentAreSyncedToo) {
  CrashFileSystem disk;
  JournalRun run(SmallSegments(&disk));
  std::promise<void> is_syncing;
  std::promise<void> may_return;
  disk.OnNextFileSync([&] {
    is_syncing.set_value();
    may_return.get_future().wait();
  });
  run.Write("a", Urgency::kNow);
  is_syncing.get_future().wait();
  const size_t segments = run.journal().GetUsage().segments;
  run.Write("b");
  run.Write(std::string(600, 'c'));
  const uint64_t last = run.Write("d", Urgency::kNow);
  ASSERT_GT(run.journal().GetUsage().segments, segments);
  may_return.set_value();
  ASSERT_TRUE(run.WaitForSync(last));
  std::mt19937 random(1);
  RecoverEach(run, disk, &random, 200);
}

TEST(JournalCrashTest, AKilledAgentLosesNothingThatWasWritten) {
  std::mt19937 random(3);
  CrashFileSystem disk;
  JournalRun run(SmallSegments(&disk));
  for (int i = 0; i < 60; ++i) {
    run.Write("w" + std::to_string(i) + std::string(random() % 200, '.'));
    CrashFileSystem after(disk.StateNow());
    JournalRun next(SmallSegments(&after));
    ASSERT_EQ(ReadAll(&next.journal()), run.appended());
  }
}

}  // namespace
}  // namespace sluice::journal
