#include "agent/journal/reader.h"

#include <atomic>
#include <thread>

#include "agent/journal/segment_reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/journal_harness.h"

namespace sluice::journal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class ReaderTest : public ::testing::Test {
 protected:
  Options TestOptions() {
    Options options = JournalRun::TestOptions(&fs_, "/journal");
    options.segment_bytes = 1000;
    options.cursor_path = "/run/cursors";
    return options;
  }
  void WriteWords(JournalRun* run, int count) {
    for (int i = 1; i <= count; ++i) run->Write("w" + std::to_string(i) + std::string(200, '.'));
  }

  CrashFileSystem fs_;
};

TEST_F(ReaderTest, WaitsUntilSomethingIsWritten) {
  JournalRun run(TestOptions());
  const auto reader = run.journal().OpenReader("log");
  reader->Restore(0);
  std::thread writer([&] { run.Write("a"); });
  const std::optional<Entry> entry = reader->Next(TestDeadline());
  writer.join();
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(WordOf(entry->batch), "a");
  EXPECT_EQ(entry->uid, 1000u);
  EXPECT_FALSE(entry->replayed);
}

TEST_F(ReaderTest, GivesUpAtTheDeadlineAndWhenWoken) {
  JournalRun run(TestOptions());
  const auto reader = run.journal().OpenReader("log");
  reader->Restore(0);
  EXPECT_FALSE(reader->Next(Now()).has_value());
  std::thread waker([&] { reader->Wake(); });
  EXPECT_FALSE(reader->Next(TestDeadline()).has_value());
  waker.join();
}

TEST_F(ReaderTest, AWakeBeforeItsWaitEndsIt) {
  JournalRun run(TestOptions());
  const auto reader = run.journal().OpenReader("log");
  reader->Restore(0);
  reader->Wake();
  const auto begin = Now();
  EXPECT_FALSE(reader->Next(TestDeadline()).has_value());
  EXPECT_LT(Now(), begin + std::chrono::seconds(20));
  EXPECT_FALSE(reader->Next(Now()).has_value());
}

TEST_F(ReaderTest, WhatIsMissingFromASparseSegmentIsNoDamage) {
  JournalRun run(TestOptions());
  WriteWords(&run, 4);
  ASSERT_TRUE(run.WaitForSync(4));
  run.journal().Checkpoint();  // which says so
  DiskState disk = fs_.StateNow();
  const std::string segment = disk.at("/journal/" + SegmentName(1));
  SegmentHeader header = *DecodeSegmentHeader(segment);
  ASSERT_EQ(header.kind, 0u);
  CrashFileSystem whole(disk);
  const auto file = SegmentReader::Open(whole, "/journal/" + SegmentName(1), header.epoch);
  for (const uint32_t kind : {kSparse, 0u}) {
    header.kind = kind;
    std::string kept = EncodeSegmentHeader(header);
    (*file)->Seek(kSegmentHeaderBytes);
    while (const auto frame = (*file)->Read(segment.size())) {
      const bool is_batch = frame->header.type == EntryType::kBatch;
      if (is_batch && frame->header.sequence % 2 != 0) continue;
      const std::string payload = (*file)->Payload(*frame);
      AppendFrame(frame->header, {payload}, FrameSeed(header.epoch), &kept);
    }
    disk.at("/journal/" + SegmentName(1)) = kept;
    CrashFileSystem after(disk);
    Options options = TestOptions();
    options.file_system = &after;
    JournalRun next(options);
    next.Write("next", Urgency::kNow);
    EXPECT_EQ(ReadAll(&next.journal()).count(2), 1u);
    EXPECT_EQ(next.counters().Total("journal.damaged", "view") > 0, kind == 0);
  }
}

TEST_F(ReaderTest, RestoresFromTheCheckpointBeforeItsCursor) {
  JournalRun run(TestOptions());
  WriteWords(&run, 20);
  const auto reader = run.journal().OpenReader("log");
  EXPECT_THAT(reader->Restore(10), ::testing::HasSubstr("w"));
  std::vector<uint64_t> replayed, fresh;
  while (const auto entry = reader->Next(Now())) {
    (entry->replayed ? replayed : fresh).push_back(entry->sequence);
  }
  ASSERT_FALSE(fresh.empty());
  EXPECT_EQ(fresh.front(), 11u);
  EXPECT_EQ(fresh.size(), 10u);
  EXPECT_LT(replayed.size(), 6u);
}

TEST_F(ReaderTest, StartsAtAnEntryWhoseOffsetIsKnownAndSearchesItElsewhere) {
  JournalRun run(TestOptions());
  WriteWords(&run, 20);
  const auto reader = run.journal().OpenReader("log");
  reader->Restore(0);
  std::vector<uint64_t> offsets{0};
  while (const auto entry = reader->Next(Now())) offsets.push_back(entry->offset);
  ASSERT_EQ(offsets.size(), 21u);
  for (uint64_t sequence = 1; sequence <= 20; ++sequence) {
    for (const uint64_t offset : {offsets[sequence], uint64_t{0}, offsets[sequence] + 1}) {
      reader->StartAt(sequence, offset);
      const auto entry = reader->Next(Now());
      ASSERT_TRUE(entry.has_value());
      EXPECT_EQ(entry->sequence, sequence);
      EXPECT_FALSE(entry->replayed);
      EXPECT_EQ(entry->offset, offsets[sequence]);
    }
  }
  EXPECT_EQ(run.counters().Total("journal.damaged", "log"), 0u);
}

TEST_F(ReaderTest, ACursorAtTheEndOfASegmentNeedsNoReplay) {
  JournalRun run(TestOptions());
  WriteWords(&run, 20);
  std::vector<std::string> names;
  fs_.List("/journal", &names);
  std::sort(names.begin(), names.end());
  const uint64_t second_segment = *ParseSegmentName(names[1]);
  const auto reader = run.journal().OpenReader("log");
  reader->Restore(second_segment - 1);
  const auto entry = reader->Next(TestDeadline());
  EXPECT_EQ(entry->sequence, second_segment);
  EXPECT_FALSE(entry->replayed);
}

TEST_F(ReaderTest, WhoRebuildsGetsTheWholeSegmentOfItsCursor) {
  JournalRun run(TestOptions());
  WriteWords(&run, 20);
  std::vector<std::string> names;
  fs_.List("/journal", &names);
  std::sort(names.begin(), names.end());
  const uint64_t second_segment = *ParseSegmentName(names[1]);
  const auto reader = run.journal().OpenReader("log");
  reader->Restore(second_segment - 1, true);
  std::vector<uint64_t> first_ones;
  for (uint64_t expected = 1; const auto entry = reader->Next(Now()); ++expected) {
    EXPECT_EQ(entry->sequence, expected);
    EXPECT_EQ(entry->replayed, expected < second_segment);
    if (entry->begins_segment) first_ones.push_back(entry->sequence);
  }
  ASSERT_EQ(first_ones.size(), names.size());
  for (size_t i = 0; i < names.size(); ++i) EXPECT_EQ(first_ones[i], *ParseSegmentName(names[i]));
}

TEST_F(ReaderTest, FindsItsCursorAgainAfterAKill) {
  JournalRun run(TestOptions());
  WriteWords(&run, 20);
  run.journal().OpenReader("log")->Commit(17);
  CrashFileSystem after(fs_.StateNow());
  Options options = TestOptions();
  options.file_system = &after;
  JournalRun next(options);
  EXPECT_EQ(next.journal().OpenReader("log")->stored_cursor(), 17u);
  EXPECT_EQ(next.journal().OpenReader("kvp")->stored_cursor(), 0u);
}

TEST_F(ReaderTest, TakesTheCursorOfTheCheckpointAfterAPowerCut) {
  JournalRun run(TestOptions());
  const auto reader = run.journal().OpenReader("log");
  WriteWords(&run, 5);
  reader->Commit(3);
  run.journal().Checkpoint();
  reader->Commit(5);
  CrashFileSystem after(fs_.StateNow());
  Options options = TestOptions();
  options.file_system = &after;
  options.boot_id = "boot-2";
  JournalRun next(options);
  EXPECT_EQ(next.journal().OpenReader("log")->stored_cursor(), 3u);
}

TEST_F(ReaderTest, APowerCutRepeatsOnlyWhatFollowedTheSavedCursors) {
  JournalRun run(TestOptions());
  const auto log = run.journal().OpenReader("log");
  WriteWords(&run, 5);
  EXPECT_FALSE(run.journal().SaveCursors()) << "none has moved";
  log->Commit(4);
  EXPECT_TRUE(run.journal().SaveCursors());
  EXPECT_FALSE(run.journal().SaveCursors());
  ASSERT_TRUE(run.WaitForSync(run.Write("behind them", Urgency::kNow)));
  log->Commit(5);
  CrashFileSystem after(
      fs_.StateAfterPowerCut([](uint64_t, uint64_t*) { return CrashFileSystem::Fate::kLost; }));
  Options options = TestOptions();
  options.file_system = &after;
  options.boot_id = "boot-2";
  JournalRun next(options);
  EXPECT_EQ(next.journal().OpenReader("log")->stored_cursor(), 4u);
}

TEST_F(ReaderTest, CursorsSavedNowAreDurableBeforeTheJournalSaysSo) {
  Options options = TestOptions();
  options.segment_bytes = 1 << 20;
  JournalRun run(options);
  const auto log = run.journal().OpenReader("log");
  WriteWords(&run, 5);
  for (const uint64_t cursor : {3u, 5u}) {
    log->Commit(cursor);
    const uint64_t save = run.journal().SaveCursorsNow();
    ASSERT_TRUE(run.WaitForCursorSave(save));
    CrashFileSystem after(
        fs_.StateAfterPowerCut([](uint64_t, uint64_t*) { return CrashFileSystem::Fate::kLost; }));
    options.file_system = &after;
    options.boot_id = "boot-2";
    EXPECT_EQ(JournalRun(options).journal().OpenReader("log")->stored_cursor(), cursor);

    const uint64_t bytes = run.journal().GetUsage().bytes;
    EXPECT_EQ(run.journal().SaveCursorsNow(), save);
    EXPECT_EQ(run.journal().GetUsage().bytes, bytes) << "nothing is new";
  }
}

TEST_F(ReaderTest, WhatIsWrittenButNotSyncedIsRepeatedAfterAPowerCutOnly) {
  JournalRun run(TestOptions());
  const auto reader = run.journal().OpenReader("log");
  WriteWords(&run, 5);
  reader->Commit(3);
  reader->MarkWritten(5);
  run.journal().Checkpoint();
  CrashFileSystem after(fs_.StateNow());
  Options options = TestOptions();
  options.file_system = &after;
  EXPECT_EQ(JournalRun(options).journal().OpenReader("log")->stored_cursor(), 5u);
  options.boot_id = "boot-2";
  EXPECT_EQ(JournalRun(options).journal().OpenReader("log")->stored_cursor(), 3u);
}

TEST_F(ReaderTest, SkipsAndCountsDamageInTheMiddle) {
  {
    JournalRun run(TestOptions());
    WriteWords(&run, 20);
  }
  DiskState state = fs_.StateNow();
  std::string& bytes = state["/journal/" + SegmentName(1)];
  bytes[bytes.size() - 250] ^= 1;
  CrashFileSystem damaged(state);
  Options options = TestOptions();
  options.file_system = &damaged;
  JournalRun run(options);
  const auto reader = run.journal().OpenReader("log");
  reader->Restore(0);
  EXPECT_EQ(ReadAll(reader.get()).size(), 19u);
  EXPECT_EQ(run.counters().Total("journal.damaged", "log"), 1u);
}

TEST_F(ReaderTest, SurvivesASegmentThatSomebodyDeleted) {
  JournalRun run(TestOptions());
  WriteWords(&run, 20);
  ASSERT_EQ(fs_.Unlink("/journal/" + SegmentName(1)), 0);
  const auto reader = run.journal().OpenReader("log");
  reader->Restore(0);
  const Words words = ReadAll(reader.get());
  EXPECT_EQ(words.size() + run.counters().Total("journal.damaged", "log"), 20u);
  EXPECT_EQ(words.rbegin()->first, 20u);
}

TEST_F(ReaderTest, OutlivesTheJournal) {
  std::unique_ptr<Reader> reader;
  {
    JournalRun run(TestOptions());
    reader = run.journal().OpenReader("log");
    reader->Restore(0);
    run.Write("a");
  }
  EXPECT_THAT(ReadAll(reader.get()), ElementsAre(Pair(1, "a")));
}

TEST_F(ReaderTest, ReadersSeeEveryEntryOnceWhileItIsWritten) {
  constexpr uint64_t kEntries = 2000;
  Options options = TestOptions();
  options.segment_bytes = 16 * 1024;
  JournalRun run(options);
  std::atomic<int> sound{0};
  const auto read = [&](Reader* reader) {
    for (uint64_t expected = 1; expected <= kEntries; ++expected) {
      const auto entry = reader->Next(TestDeadline());
      if (!entry || entry->sequence != expected) return;
      if (WordOf(entry->batch) != "w" + std::to_string(expected)) return;
      reader->Commit(expected);
    }
    ++sound;
  };
  const auto first = run.journal().OpenReader("log");
  const auto second = run.journal().OpenReader("kvp");
  std::thread first_thread(read, first.get()), second_thread(read, second.get());
  for (uint64_t i = 1; i <= kEntries; ++i) {
    run.Append("w" + std::to_string(i));
    if (i % 7 == 0 || i == kEntries) run.journal().CommitTurn();
  }
  first_thread.join();
  second_thread.join();
  EXPECT_EQ(sound, 2);
}

}  // namespace
}  // namespace sluice::journal
