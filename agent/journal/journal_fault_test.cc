// A disk that fails, call by call, under a scripted run: what was acknowledged is there once, in
// order, and nothing else is.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <future>
#include <thread>

#include "agent/base/retry_after.h"
#include "agent/journal/checkpoint.h"
#include "agent/journal/segment_reader.h"
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

// What a file takes, by user where it is entries.
SegmentUsage UsageOf(FileSystem* fs, const std::string& path) {
  SegmentUsage usage;
  const auto file = SegmentReader::Open(*fs, path, Epoch());
  EXPECT_TRUE(file.ok()) << file.status();
  usage.bytes = *(*file)->FileBytes();
  while (const std::optional<Frame> frame = (*file)->Read(usage.bytes)) {
    if (frame->header.type != EntryType::kBatch) continue;
    usage.bytes_by_uid[frame->header.uid] += frame->header.frame_bytes();
  }
  return usage;
}

JournalCheckpoint FirstCheckpoint(FileSystem* fs, const std::string& path) {
  const auto file = SegmentReader::Open(*fs, path, Epoch());
  EXPECT_TRUE(file.ok()) << file.status();
  return DecodeCheckpoint((*file)->Payload(*(*file)->Read(UINT64_MAX)));
}

// What the journal writes down of its segments is what lies in the files. On a disk that is well.
void ExpectUsageIsWhatFilesHold(JournalRun* run, FileSystem* disk) {
  ASSERT_NO_FATAL_FAILURE(WaitForHealing(run));
  // Makes a new segment, whose checkpoint tells of all before.
  ASSERT_TRUE(run->WaitForSync(run->Write(std::string(1000, 'x'), Urgency::kNow)));
  std::vector<std::string> names;
  ASSERT_EQ(disk->List("/journal", &names), 0);
  std::sort(names.begin(), names.end());
  const JournalCheckpoint newest = FirstCheckpoint(disk, "/journal/" + names.back());
  EXPECT_EQ(newest.segments.size(), names.size() - 1);
  uint64_t total = UsageOf(disk, "/journal/" + names.back()).bytes;
  for (const auto& [first, believed] : newest.segments) {
    SCOPED_TRACE(first);
    const SegmentUsage held = UsageOf(disk, "/journal/" + SegmentName(first));
    EXPECT_EQ(believed.bytes, held.bytes);
    for (const auto& [uid, bytes] : believed.bytes_by_uid) {
      const auto found = held.bytes_by_uid.find(uid);
      EXPECT_EQ(bytes, found == held.bytes_by_uid.end() ? 0 : found->second) << "uid " << uid;
    }
    for (const auto& [uid, bytes] : held.bytes_by_uid) {
      EXPECT_EQ(believed.bytes_by_uid.count(uid), 1u) << "uid " << uid;
    }
    total += held.bytes;
  }
  EXPECT_EQ(run->journal().GetUsage().bytes, total);
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
    ASSERT_NO_FATAL_FAILURE(ExpectUsageIsWhatFilesHold(&run, &disk));
    if (HasFailure()) return;
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

TEST_F(RefusingDiskTest, WhatIsWrittenAgainIsChargedOnce) {
  constexpr uid_t kAlice = 1000;
  constexpr uid_t kBob = 1001;
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

class RewriteTest : public testing::Test {
 protected:
  Options SyncedOnDemand() {
    Options options = ScriptOptions(&fs_);
    options.group_delay = std::chrono::hours(1);
    return options;
  }

  CrashFileSystem disk_;
  WatchedUnlinks fs_{&disk_};
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
  EXPECT_THAT(names, testing::UnorderedElementsAre(SegmentName(1), SegmentName(2), SegmentName(3)));
  ASSERT_NO_FATAL_FAILURE(ExpectUsageIsWhatFilesHold(&run_, &disk_));
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
  fs_.hook = [&](const std::string& path) {
    if (ParseSegmentName(path.substr(path.rfind('/') + 1)) && ++unlinks == 2) {
      read.merge(ReadAll(reader.get()));
    }
  };
  const uint64_t last = run_.Write("last", Urgency::kNow);
  ASSERT_NO_FATAL_FAILURE(WaitForRefusal(&run_));
  fs_.RefuseSyncs(0);
  ASSERT_TRUE(run_.WaitForSync(last));
  fs_.hook = nullptr;
  EXPECT_EQ(unlinks, 3);
  read.merge(ReadAll(reader.get()));
  EXPECT_EQ(read, run_.appended());
  EXPECT_EQ(run_.counters().Total("journal.damaged"), 0u);
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
