// Files of segments that are written over, after every power cut.
#include "agent/journal/spare_segment.h"

#include <random>
#include <thread>

#include "gtest/gtest.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/journal_harness.h"

namespace sluice::journal {
namespace {

// Notes which files were written over under a new name.
class RenameNoting : public FaultyFileSystem {
 public:
  using FaultyFileSystem::FaultyFileSystem;
  int Rename(const std::string& from, const std::string& to) override {
    const int result = FaultyFileSystem::Rename(from, to);
    if (result == 0 && from.ends_with("/spare.new")) ++reused_;
    return result;
  }
  int reused() const { return reused_; }

 private:
  std::atomic<int> reused_{0};
};

// Segments of 700 bytes, of which two or three are kept once the sink is done with them.
class SpareSegmentTest : public ::testing::Test {
 protected:
  Options SmallJournal(FileSystem* fs) {
    Options options = JournalRun::TestOptions(fs, "/journal");
    options.segment_bytes = 700;
    options.keep_bytes = 1500;
    options.clock = &clock_;
    return options;
  }

  // One entry, which the sink has read, synced or not.
  void WriteAndConsume(JournalRun* run, Reader* sink, size_t bytes, bool is_synced = true) {
    std::string word = "w" + std::to_string(run->appended().size());
    word.resize(std::max(bytes, word.size()), '.');
    const uint64_t sequence = run->Write(word);
    ASSERT_NE(sequence, 0u) << run->last_refusal();
    if (!is_synced) return;
    run->journal().SyncNow();
    ASSERT_TRUE(run->WaitForSync(sequence));
    sink->Commit(sequence);
    run->journal().Trim();
  }

  // What was not let go is found, without a gap, up to what was acknowledged at least. A power cut
  // may bring back what was let go.
  void ExpectSound(JournalRun& run, uint64_t acknowledged, const Words& found) {
    for (const auto& [sequence, word] : found) ASSERT_EQ(word, run.appended().at(sequence));
    uint64_t expected = run.journal().GetUsage().first_sequence;
    for (auto kept = found.lower_bound(expected); kept != found.end(); ++kept) {
      ASSERT_EQ(kept->first, expected++) << "a gap";
    }
    ASSERT_GT(expected, acknowledged);
  }

  void RecoverEach(JournalRun& run, uint64_t acknowledged, const std::vector<DiskState>& states) {
    for (const DiskState& state : states) {
      CrashFileSystem after(state);
      JournalRun next(SmallJournal(&after));
      ASSERT_TRUE(next.is_open()) << next.status();
      const Words found = ReadAll(&next.journal());
      ASSERT_NO_FATAL_FAILURE(ExpectSound(run, acknowledged, found));
      EXPECT_EQ(next.counters().Total("journal.damaged"), 0u);
      const uint64_t sequence = next.Write("next", Urgency::kNow);
      ASSERT_EQ(sequence, found.rbegin()->first + 1);
      ASSERT_TRUE(next.WaitForSync(sequence));
      ASSERT_EQ(ReadAll(&next.journal()).rbegin()->second, "next");
    }
  }

  // After some power cuts that may happen now, once in six calls.
  void RecoverSometimes(JournalRun& run, CrashFileSystem& disk, std::mt19937* random, size_t cuts) {
    const Words acknowledged = run.Acknowledged();
    if ((*random)() % 6 != 0 || acknowledged.empty()) return;
    RecoverEach(run, acknowledged.rbegin()->first, disk.SampleStates(random, cuts));
  }

  FakeClock clock_{1'700'000'000'000'000'000};
  CrashFileSystem disk_;
  RenameNoting fs_{&disk_};
};

TEST_F(SpareSegmentTest, ASegmentThatIsLetGoIsWrittenOver) {
  JournalRun run(SmallJournal(&fs_));
  const auto sink = run.journal().OpenReader("sink");
  for (int i = 0; i < 60; ++i) ASSERT_NO_FATAL_FAILURE(WriteAndConsume(&run, sink.get(), 250));
  EXPECT_GT(fs_.reused(), 5);
  EXPECT_EQ(run.counters().Total("journal.damaged"), 0u);
}

TEST_F(SpareSegmentTest, EveryPowerCutIsRecovered) {
  int reused = 0;
  for (unsigned seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    CrashFileSystem disk;
    RenameNoting fs(&disk);
    JournalRun run(SmallJournal(&fs));
    const auto sink = run.journal().OpenReader("sink");
    for (int i = 0; i < 60; ++i) {
      ASSERT_NO_FATAL_FAILURE(WriteAndConsume(&run, sink.get(), random() % 500, random() % 3 != 0));
      ASSERT_NO_FATAL_FAILURE(RecoverSometimes(run, disk, &random, 6));
    }
    reused += fs.reused();
  }
  EXPECT_GT(reused, 15);
}

TEST_F(SpareSegmentTest, EveryPowerCutAroundAFailureIsRecovered) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    CrashFileSystem disk;
    FaultyFileSystem fs(&disk);
    JournalRun run(SmallJournal(&fs));
    const auto sink = run.journal().OpenReader("sink");
    for (int i = 0; i < 60; ++i) {
      if (random() % 10 == 0) fs.FailCall(static_cast<int64_t>(random() % 12), EIO);
      const uint64_t sequence = run.Write("w" + std::string(random() % 500, '.'));
      if (random() % 3 != 0 && sequence != 0) {
        ASSERT_TRUE(run.WaitForSync(sequence));
        sink->Commit(sequence);
        run.journal().Trim();
      }
      ASSERT_NO_FATAL_FAILURE(RecoverSometimes(run, disk, &random, 4));
    }
  }
}

// Behind the entries of a segment that is being written lie those of its file's earlier use.
TEST_F(SpareSegmentTest, AKilledAgentLosesNothing) {
  JournalRun run(SmallJournal(&fs_));
  const auto sink = run.journal().OpenReader("sink");
  for (int i = 0; i < 60; ++i) {
    ASSERT_NO_FATAL_FAILURE(WriteAndConsume(&run, sink.get(), 50));
    ASSERT_NO_FATAL_FAILURE(RecoverEach(run, run.appended().rbegin()->first, {disk_.StateNow()}));
  }
  EXPECT_GT(fs_.reused(), 0);
}

TEST_F(SpareSegmentTest, NothingOfTheEarlierUseIsLeftOnceTheJournalIsClosed) {
  {
    JournalRun run(SmallJournal(&fs_));
    const auto sink = run.journal().OpenReader("sink");
    for (int i = 0; fs_.reused() < 3; ++i) {
      ASSERT_LT(i, 200);
      ASSERT_NO_FATAL_FAILURE(WriteAndConsume(&run, sink.get(), 250));
    }
    ASSERT_NO_FATAL_FAILURE(WriteAndConsume(&run, sink.get(), 1));
  }
  for (const auto& [path, content] : disk_.StateNow()) {
    ASSERT_TRUE(path.ends_with(".seg") || path.ends_with("/")) << path;
    if (!path.ends_with(".seg")) continue;
    const auto reader = SegmentReader::Open(disk_, path, Epoch());
    ASSERT_TRUE(reader.ok());
    while ((*reader)->Read(content.size())) {
    }
    EXPECT_EQ((*reader)->offset(), content.size()) << path;
  }
}

// Some of what readers do looks at the same place twice and checks it once.
TEST_F(SpareSegmentTest, AFileThatSomebodyReadsIsNotWrittenOver) {
  JournalRun run(SmallJournal(&fs_));
  const auto sink = run.journal().OpenReader("sink");
  const auto view = run.journal().OpenReader("");
  ASSERT_NO_FATAL_FAILURE(WriteAndConsume(&run, sink.get(), 250));
  ASSERT_TRUE(view->Next(Now()).has_value());
  while (run.journal().GetUsage().first_sequence == 1) {
    ASSERT_NO_FATAL_FAILURE(WriteAndConsume(&run, sink.get(), 250));
  }
  for (int i = 0; i < 20; ++i) ASSERT_NO_FATAL_FAILURE(WriteAndConsume(&run, sink.get(), 250));
  EXPECT_EQ(fs_.reused(), 0);
  EXPECT_TRUE(view->Next(Now()).has_value()) << "goes on behind what is gone";
  for (int i = 0; i < 20; ++i) ASSERT_NO_FATAL_FAILURE(WriteAndConsume(&run, sink.get(), 250));
  EXPECT_GT(fs_.reused(), 0);
}

// Its pages may be out of memory, and would be read before they are written.
TEST_F(SpareSegmentTest, AFileOfLongAgoIsNotWrittenOver) {
  JournalRun run(SmallJournal(&fs_));
  const auto sink = run.journal().OpenReader("sink");
  for (int i = 0; i < 60; ++i) {
    ASSERT_NO_FATAL_FAILURE(WriteAndConsume(&run, sink.get(), 250));
    clock_.Advance(std::chrono::seconds(30));
  }
  EXPECT_EQ(fs_.reused(), 0);
}

TEST_F(SpareSegmentTest, AFullJournalKeepsNoFile) {
  Options options = SmallJournal(&fs_);
  options.max_bytes = 8 * options.segment_bytes;
  options.root_reserve = 0;
  options.uid_share = 1;
  JournalRun run(options);
  const auto sink = run.journal().OpenReader("sink");
  for (int i = 0; i < 100; ++i) {
    // The sink stays behind.
    run.Write(std::string(250, 'x'), Urgency::kNow);
    run.WaitForSync(run.journal().last_sequence());
    uint64_t bytes = 0;
    for (const auto& [path, content] : disk_.StateNow()) bytes += content.size();
    ASSERT_LE(bytes, std::max(options.max_bytes, run.journal().GetUsage().bytes));
  }
}

}  // namespace
}  // namespace sluice::journal
