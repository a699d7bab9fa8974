// A disk that fails, call by call, under a scripted run: what was acknowledged is there once, in
// order, and nothing else is.
#include <cerrno>
#include <thread>

#include "agent/base/retry_after.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/journal_harness.h"
#include "tests/support/watched_unlinks.h"

namespace sluice::journal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr int kScriptEntries = 24;

Options ScriptOptions(FileSystem* fs) {
  Options options = JournalRun::TestOptions(fs, "/journal");
  options.segment_bytes = 1000;
  return options;
}

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

// The disk is well again: waits until it takes an entry, and what was appended is acknowledged.
void WaitForHealing(JournalRun* run) {
  const auto deadline = TestDeadline();
  while (run->Write("healed", Urgency::kNow) == 0) {
    ASSERT_TRUE(absl::IsUnavailable(run->last_refusal())) << run->last_refusal();
    ASSERT_TRUE(RetryAfter(run->last_refusal()).has_value());
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << run->last_refusal();
    std::this_thread::yield();
  }
  ASSERT_TRUE(run->WaitForSync(run->appended().rbegin()->first));
}

// Until a sync that fails has been noticed.
void WaitForRefusal(JournalRun* run) {
  const auto deadline = TestDeadline();
  while (run->journal().GetUsage().error.empty()) {
    ASSERT_LT(Now(), deadline);
    std::this_thread::yield();
  }
}

class JournalFaultTest : public testing::TestWithParam<int> {};

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
    if (!has_failed) break;
  }
}

INSTANTIATE_TEST_SUITE_P(EveryError, JournalFaultTest,
                         testing::Values(ENOSPC, EIO, EROFS, EDQUOT, EINTR,
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

class RefusingDiskTest : public testing::Test {
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
  EXPECT_THAT(run_.journal().GetUsage().error, testing::HasSubstr("No space"));
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
  EXPECT_THAT(names, testing::IsSupersetOf({SegmentName(1), SegmentName(2)}));
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

// Segments that were full before any sync are written again as one: a reader that comes for one of
// them when its name is gone waits for the new one.
TEST(RewriteTest, AReaderThatMeetsASegmentAsItGoesCountsNoDamage) {
  CrashFileSystem disk;
  WatchedUnlinks fs(&disk);
  Options options = ScriptOptions(&fs);
  options.group_delay = std::chrono::hours(1);
  JournalRun run(options);
  const auto reader = run.journal().OpenReader("log");
  reader->Restore(0);
  fs.RefuseSyncs(EIO);
  const auto fill_until = [&](uint32_t segments) {
    while (run.journal().GetUsage().segments < segments) run.Write(std::string(200, 'x'));
  };
  fill_until(2);
  Words read = ReadAll(reader.get());
  fill_until(4);
  int unlinks = 0;
  // The first to go is the one that the reader has open.
  fs.hook = [&](const std::string& path) {
    if (ParseSegmentName(path.substr(path.rfind('/') + 1)) && ++unlinks == 2) {
      read.merge(ReadAll(reader.get()));
    }
  };
  const uint64_t last = run.Write("last", Urgency::kNow);
  ASSERT_NO_FATAL_FAILURE(WaitForRefusal(&run));
  fs.RefuseSyncs(0);
  ASSERT_TRUE(run.WaitForSync(last));
  fs.hook = nullptr;
  EXPECT_EQ(unlinks, 3);
  read.merge(ReadAll(reader.get()));
  EXPECT_EQ(read, run.appended());
  EXPECT_EQ(run.counters().Total("journal.damaged"), 0u);
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
