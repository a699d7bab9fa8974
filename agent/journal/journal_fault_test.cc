// A disk that fails, call by call, under a scripted run: what was acknowledged is there once, in
// order, and nothing else is.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <future>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/journal_disk.h"

namespace sluice::journal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr int kScriptEntries = 24;

// Small and urgent entries, several segments.
void RunScript(JournalRun* run) {
  for (int i = 0; i < kScriptEntries; ++i) {
    const std::string word = "w" + std::to_string(i) + std::string(i % 3 * 90, '.');
    run->Append(word, i % 4 == 0 ? Urgency::kNow : Urgency::kGrouped);
    if (i % 3 != 1) run->journal().CommitTurn();
  }
  run->journal().CommitTurn();
}

// Whether `present` holds all of `acknowledged`, and only what was appended.
void ExpectNothingLost(const Words& acknowledged, const Words& present, const Words& appended) {
  for (const auto& [sequence, word] : acknowledged) {
    const auto found = present.find(sequence);
    ASSERT_NE(found, present.end()) << "lost " << sequence << " " << word;
    ASSERT_EQ(found->second, word) << sequence;
  }
  for (const auto& [sequence, word] : present) {
    const auto found = appended.find(sequence);
    ASSERT_NE(found, appended.end()) << "never appended " << sequence << " " << word;
    ASSERT_EQ(found->second, word) << sequence;
  }
}

TEST(JournalEndTest, WritesNoCursorsWhereNoSegmentCouldBeMade) {
  struct : RecoveryVisitor {
    void OnCheckpoint(std::string_view) override {}
    void OnEntry(const Entry&) override {}
  } nothing;
  CrashFileSystem disk;
  FaultyFileSystem fs(&disk);
  auto journal = Journal::Open(ScriptOptions(&fs), &nothing);
  ASSERT_TRUE(journal.ok());
  fs.RefuseWrites(EIO);
  (*journal)->Start([] { return std::string(); }, [](uint64_t) {});
  (*journal)->Checkpoint();
  EXPECT_NE((*journal)->GetUsage().error, "");
}

class JournalFaultTest : public ::testing::TestWithParam<int> {};

TEST_P(JournalFaultTest, KeepsWhatItAcknowledgedWhicheverCallFails) {
  for (int call = 0;; ++call) {
    SCOPED_TRACE(call);
    CrashFileSystem disk;
    FaultyFileSystem fs(&disk);
    JournalRun run(ScriptOptions(&fs));
    ASSERT_TRUE(run.is_open());
    fs.FailCall(call, GetParam());
    RunScript(&run);
    WaitForHealing(&run);
    const bool has_failed = fs.has_failed();
    fs.FailCall(-1, 0);
    ASSERT_NO_FATAL_FAILURE(
        ExpectNothingLost(run.Acknowledged(), ReadAll(&run.journal()), run.appended()));
    CrashFileSystem after(disk.StateNow());
    JournalRun next(ScriptOptions(&after));
    ASSERT_NO_FATAL_FAILURE(
        ExpectNothingLost(run.Acknowledged(), ReadAll(&next.journal()), run.appended()));
    EXPECT_EQ(next.counters().Total("journal.damaged"), 0u);
    ASSERT_NO_FATAL_FAILURE(ExpectUsageIsWhatFilesHold(&run, &disk));
    if (HasFailure()) return;
    if (!has_failed) break;
  }
}

INSTANTIATE_TEST_SUITE_P(EveryError, JournalFaultTest,
                         ::testing::Values(ENOSPC, EIO, EROFS, EDQUOT, EINTR,
                                           FaultyFileSystem::kShortWrite));

TEST_P(JournalFaultTest, OpensOrSaysWhyWhicheverCallFails) {
  CrashFileSystem disk;
  Words appended;
  {
    JournalRun run(ScriptOptions(&disk));
    RunScript(&run);
    appended = run.appended();
  }
  for (int call = 0;; ++call) {
    SCOPED_TRACE(call);
    CrashFileSystem copy(disk.StateNow());
    FaultyFileSystem fs(&copy);
    fs.FailCall(call, GetParam());
    bool is_open;
    {
      JournalRun run(ScriptOptions(&fs));
      is_open = run.is_open();
    }
    const bool has_failed = fs.has_failed();
    fs.FailCall(-1, 0);
    JournalRun next(ScriptOptions(&copy));
    ASSERT_TRUE(next.is_open());
    ASSERT_NO_FATAL_FAILURE(ExpectNothingLost(appended, ReadAll(&next.journal()), appended));
    if (!has_failed) {
      EXPECT_TRUE(is_open);
      break;
    }
  }
}

class RefusingDiskTest : public ::testing::Test {
 protected:
  CrashFileSystem disk_;
  FaultyFileSystem fs_{&disk_};
  JournalRun run_{ScriptOptions(&fs_)};
};

TEST_F(RefusingDiskTest, AcknowledgesNothingWhileWritesFailAndAllAfterwards) {
  ASSERT_TRUE(run_.WaitForSync(run_.Write("before")));
  fs_.RefuseWrites(ENOSPC);
  ASSERT_EQ(run_.Write("during"), 2u);
  EXPECT_EQ(run_.Write("refused"), 0u);
  EXPECT_TRUE(absl::IsUnavailable(run_.last_refusal()));
  EXPECT_EQ(run_.journal().synced_sequence(), 1u);
  EXPECT_THAT(run_.journal().GetUsage().error, ::testing::HasSubstr("No space"));
  EXPECT_THAT(ReadAll(&run_.journal()), ElementsAre(Pair(1, "before")));
  fs_.RefuseWrites(0);
  ASSERT_TRUE(run_.WaitForSync(2));
  EXPECT_THAT(ReadAll(&run_.journal()), ElementsAre(Pair(1, "before"), Pair(2, "during")));
  ASSERT_NO_FATAL_FAILURE(WaitForHealing(&run_));
  EXPECT_EQ(run_.journal().GetUsage().error, "");
}

TEST_F(RefusingDiskTest, NeverTrustsAFileWhoseSyncFailed) {
  run_.Write("a");
  ASSERT_TRUE(run_.WaitForSync(1));
  fs_.RefuseSyncs(EIO);
  run_.Write("b", Urgency::kNow);
  ASSERT_NO_FATAL_FAILURE(WaitForRefusal(&run_));
  EXPECT_EQ(run_.journal().synced_sequence(), 1u);
  fs_.RefuseSyncs(0);
  ASSERT_TRUE(run_.WaitForSync(2));
  // The entry stands again in a segment of its own.
  std::vector<std::string> names;
  disk_.List("/journal", &names);
  EXPECT_THAT(names, ::testing::IsSupersetOf({SegmentName(1), SegmentName(2)}));
  EXPECT_THAT(ReadAll(&run_.journal()), ElementsAre(Pair(1, "a"), Pair(2, "b")));
}

TEST_F(RefusingDiskTest, AReaderKeepsItsPlaceAcrossTheNewSegment) {
  const auto reader = run_.journal().OpenReader("log");
  reader->Restore(0);
  run_.Write("a");
  ASSERT_TRUE(run_.WaitForSync(1));
  fs_.RefuseSyncs(EIO);
  run_.Write("b", Urgency::kNow);
  EXPECT_THAT(ReadAll(reader.get()), ElementsAre(Pair(1, "a"), Pair(2, "b")));
  fs_.RefuseSyncs(0);
  ASSERT_NO_FATAL_FAILURE(WaitForHealing(&run_));
  EXPECT_THAT(ReadAll(reader.get()), ElementsAre(Pair(3, "healed")));
}

TEST_F(RefusingDiskTest, WhatIsWrittenAgainIsChargedOnce) {
  ASSERT_TRUE(run_.WaitForSync(run_.Write(std::string(300, 'a'), Urgency::kNow, kAlice)));
  fs_.RefuseSyncs(EIO);
  run_.Write(std::string(200, 'b'), Urgency::kGrouped, kBob);
  run_.Write(std::string(100, 'c'), Urgency::kNow, kAlice);
  ASSERT_NO_FATAL_FAILURE(WaitForRefusal(&run_));
  fs_.RefuseSyncs(0);
  ASSERT_NO_FATAL_FAILURE(ExpectUsageIsWhatFilesHold(&run_, &disk_));
}

TEST_F(RefusingDiskTest, StateIsWholeAfterARestartInTheMiddleOfARewrite) {
  run_.Write("a");
  ASSERT_TRUE(run_.WaitForSync(1));
  fs_.RefuseSyncs(EIO);
  run_.Write("b", Urgency::kNow);
  fs_.RefuseSyncs(0);
  ASSERT_TRUE(run_.WaitForSync(2));
  CrashFileSystem after(disk_.StateNow());
  JournalRun next(ScriptOptions(&after));
  // "a" follows the checkpoint that the segment of "b" builds on.
  EXPECT_THAT(next.recovered().words(), ElementsAre(Pair(1, "a"), Pair(2, "b")));
}

TEST(JournalOpenTest, StartsOnAFullDiskAndHealsByItself) {
  CrashFileSystem disk;
  FaultyFileSystem fs(&disk);
  Options options = ScriptOptions(&fs);
  RecordingVisitor visitor;
  auto journal = Journal::Open(options, &visitor);
  ASSERT_TRUE(journal.ok());
  fs.RefuseWrites(ENOSPC);
  (*journal)->Start([] { return std::string(); }, [](uint64_t) {});
  const std::string payload = BatchOf(0, {"a"});
  EXPECT_TRUE(absl::IsUnavailable(
      (*journal)->Append(0, {std::string_view(payload)}, Urgency::kNow).status()));
  fs.RefuseWrites(0);
  const auto deadline = TestDeadline();
  while (!(*journal)->Append(0, {std::string_view(payload)}, Urgency::kNow).ok()) {
    ASSERT_LT(Now(), deadline);
  }
  (*journal)->CommitTurn();
  EXPECT_THAT(ReadAll(journal->get()), ElementsAre(Pair(1, "a")));
}

}  // namespace
}  // namespace sluice::journal
