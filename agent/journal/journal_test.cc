#include "agent/journal/journal.h"

#include "agent/base/retry_after.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/journal_harness.h"

namespace sluice::journal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class JournalTest : public ::testing::Test {
 protected:
  Options TestOptions() { return JournalRun::TestOptions(&fs_, "/journal"); }

  CrashFileSystem fs_;
};

TEST_F(JournalTest, GivesBackWhatWasAppendedInOrder) {
  JournalRun run(TestOptions());
  ASSERT_TRUE(run.is_open()) << run.status();
  EXPECT_EQ(run.Write("a"), 1u);
  EXPECT_EQ(run.Write("b"), 2u);
  EXPECT_THAT(ReadAll(&run.journal()), ElementsAre(Pair(1, "a"), Pair(2, "b")));
}

TEST_F(JournalTest, ShowsEntriesOnlyWhenTheTurnIsCommitted) {
  JournalRun run(TestOptions());
  run.Append("a");
  EXPECT_THAT(ReadAll(&run.journal()), IsEmpty());
  run.journal().CommitTurn();
  EXPECT_THAT(ReadAll(&run.journal()), ElementsAre(Pair(1, "a")));
}

TEST_F(JournalTest, ReportsAnUrgentEntryAsSynced) {
  Options options = TestOptions();
  options.group_delay = std::chrono::hours(1);
  JournalRun run(options);
  run.Write("a", Urgency::kNow);
  EXPECT_TRUE(run.WaitForSync(1));
  run.Write("b");
  EXPECT_EQ(run.journal().synced_sequence(), 1u);
  run.journal().SyncNow();
  EXPECT_TRUE(run.WaitForSync(2));
}

TEST_F(JournalTest, SyncsAGroupAfterItsDelayOrSize) {
  Options options = TestOptions();
  JournalRun delayed(options);
  EXPECT_TRUE(delayed.WaitForSync(delayed.Write("a")));
  CrashFileSystem other;
  options.file_system = &other;
  options.group_delay = std::chrono::hours(1);
  options.group_bytes = 4096;
  JournalRun sized(options);
  sized.Write("a");
  EXPECT_TRUE(sized.WaitForSync(sized.Write(std::string(4096, 'b'))));
}

TEST_F(JournalTest, GoesOnWithTheNextNumberAfterARestart) {
  std::string epoch;
  {
    JournalRun run(TestOptions());
    run.Write("a");
    run.Write("b");
    epoch = run.journal().epoch();
  }
  JournalRun run(TestOptions());
  EXPECT_THAT(run.recovered().words(), ElementsAre(Pair(1, "a"), Pair(2, "b")));
  EXPECT_EQ(run.journal().epoch(), epoch);
  EXPECT_EQ(run.Write("c"), 3u);
  EXPECT_THAT(ReadAll(&run.journal()), ElementsAre(Pair(1, "a"), Pair(2, "b"), Pair(3, "c")));
}

TEST_F(JournalTest, RestartsWithoutTrafficLeaveOneSegment) {
  for (int i = 0; i < 3; ++i) JournalRun run(TestOptions());
  JournalRun run(TestOptions());
  EXPECT_EQ(run.journal().GetUsage().segments, 1u);
  EXPECT_EQ(run.Write("a"), 1u);
}

TEST_F(JournalTest, TellsEntriesOfThisBootFromOlderOnes) {
  { JournalRun(TestOptions()).Write("a"); }
  Options options = TestOptions();
  options.boot_id = "boot-2";
  JournalRun run(options);
  run.Write("b");
  const auto reader = run.journal().OpenReader("kvp");
  reader->Restore(0);
  EXPECT_FALSE(reader->Next(TestDeadline())->this_boot);
  EXPECT_TRUE(reader->Next(TestDeadline())->this_boot);
}

TEST_F(JournalTest, TakesAPayloadAtTheLimitAndRefusesOneByteMore) {
  JournalRun run(TestOptions());
  const std::string payload(kMaxBatchPayloadBytes + 1, 'x');
  const std::string_view all = payload;
  EXPECT_TRUE(run.journal().Append(0, {all.substr(1)}, Urgency::kGrouped).ok());
  EXPECT_TRUE(run.journal().Append(0, {all.substr(2)}, Urgency::kGrouped).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(run.journal().Append(0, {all}, Urgency::kGrouped).status()));
}

TEST_F(JournalTest, RefusesWhatTheDiskIsTooFarBehindFor) {
  Options options = TestOptions();
  options.group_delay = std::chrono::hours(1);
  options.max_unsynced_bytes = 4096;
  JournalRun run(options);
  ASSERT_NE(run.Write(std::string(3000, 'a')), 0u);
  EXPECT_EQ(run.Write(std::string(3000, 'b')), 0u);
  EXPECT_TRUE(absl::IsUnavailable(run.last_refusal()));
  EXPECT_TRUE(RetryAfter(run.last_refusal()).has_value());
  run.journal().SyncNow();
  ASSERT_TRUE(run.WaitForSync(1));
  EXPECT_NE(run.Write(std::string(3000, 'b')), 0u);
}

TEST_F(JournalTest, RollsToANewSegmentWithACheckpoint) {
  Options options = TestOptions();
  options.segment_bytes = 1024;
  {
    JournalRun run(options);
    for (int i = 1; i <= 20; ++i) run.Write("w" + std::to_string(i) + std::string(200, '.'));
    EXPECT_GT(run.journal().GetUsage().segments, 3u);
    EXPECT_EQ(ReadAll(&run.journal()).size(), 20u);
  }
  JournalRun run(options);
  EXPECT_LT(run.recovered().words().size(), 6u);
  EXPECT_THAT(run.recovered().checkpoint(), ::testing::HasSubstr("w"));
  EXPECT_EQ(ReadAll(&run.journal()).size(), 20u);
}

TEST_F(JournalTest, SetsAsideTheJournalOfAnotherMachine) {
  { JournalRun(TestOptions()).Write("a"); }
  Options options = TestOptions();
  options.vm_id = "vm-2";
  JournalRun run(options);
  EXPECT_THAT(run.recovered().words(), IsEmpty());
  EXPECT_EQ(run.counters().Total("journal.set_aside", "other_machine"), 1u);
  EXPECT_EQ(run.Write("b"), 1u);
  EXPECT_THAT(ReadAll(&run.journal()), ElementsAre(Pair(1, "b")));
  std::vector<std::string> names;
  fs_.List("/journal.set-aside", &names);
  EXPECT_THAT(names, ::testing::Contains(SegmentName(1)));
}

TEST_F(JournalTest, DoesNotCompareAnUnknownId) {
  { JournalRun(TestOptions()).Write("a"); }
  Options options = TestOptions();
  options.vm_id = "";
  JournalRun run(options);
  EXPECT_THAT(run.recovered().words(), ElementsAre(Pair(1, "a")));
}

}  // namespace
}  // namespace sluice::journal
