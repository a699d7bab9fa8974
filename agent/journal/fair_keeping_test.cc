// History is kept fairly: what is within its user's share stays, whoever else writes, whatever
// fails, and wherever the power goes.
#include <algorithm>
#include <cerrno>
#include <random>
#include <thread>

#include "absl/cleanup/cleanup.h"
#include "agent/base/user_of.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/journal_disk.h"
#include "tests/support/sick_disk.h"

namespace sluice::journal {
namespace {

constexpr uid_t kRoot = 0;

constexpr uint64_t kKeepBytes = 16 * 1024;
constexpr uint64_t kSegmentBytes = 4 * 1024;

// 64 KiB in segments of 4 KiB, of which 16 KiB are for history.
Options SmallJournal(FileSystem* fs, const Clock* clock) {
  Options options = JournalRun::TestOptions(fs, "/journal");
  options.max_bytes = 64 * 1024;
  options.keep_bytes = kKeepBytes;
  options.segment_bytes = kSegmentBytes;
  options.clock = clock;
  return options;
}

// A journal whose sinks follow at once, and what was written to it.
class Writer {
 public:
  explicit Writer(const Options& options) : run_(options) {
    log_ = run_.journal().OpenReader("log");
  }

  JournalRun& run() { return run_; }
  Journal& journal() { return run_.journal(); }

  // Writes it as soon as there is room.
  uint64_t Write(uid_t uid, const std::string& word) {
    const auto deadline = TestDeadline();
    uint64_t sequence;
    while ((sequence = run_.Write(word, Urgency::kNow, uid)) == 0) {
      EXPECT_LT(Now(), deadline) << run_.last_refusal();
      if (Now() > deadline) return 0;
      std::this_thread::yield();
    }
    EXPECT_TRUE(run_.WaitForSync(sequence));
    log_->Commit(sequence);
    return sequence;
  }
  void Flood(uid_t uid, int entries) {
    for (int i = 0; i < entries; ++i) Write(uid, std::string(1000, 'f'));
  }
  // Until no more is to be let go.
  void Trim(uint64_t bytes) {
    const auto deadline = TestDeadline();
    while (journal().GetUsage().bytes > bytes) {
      ASSERT_LT(Now(), deadline) << journal().GetUsage().bytes;
      journal().Trim();
      std::this_thread::yield();
    }
  }

 private:
  JournalRun run_;
  std::unique_ptr<Reader> log_;
};

uint64_t ForgottenOf(const Counters& counters, uid_t uid) {
  uint64_t bytes = 0;
  for (const auto& value : counters.Snapshot()) {
    if (value.name == "journal.forgotten" && value.uid == uid) bytes += value.count;
  }
  return bytes;
}

class FairKeepingTest : public ::testing::Test {
 protected:
  Options Small(FileSystem* fs) { return SmallJournal(fs, &clock_); }
  // The same files with room for all that is in them, so that nothing more goes.
  Options Roomy(FileSystem* fs) {
    Options options = Small(fs);
    options.max_bytes = 1 << 20;
    options.keep_bytes = 1 << 20;
    options.segment_bytes = 1000;
    return options;
  }
  void ExpectAll(const Words& expected, Journal* journal) {
    const Words found = ReadAll(journal);
    for (const auto& [sequence, word] : expected) {
      const auto entry = found.find(sequence);
      ASSERT_NE(entry, found.end()) << "lost " << sequence << " " << word;
      ASSERT_EQ(entry->second, word);
    }
  }

  CrashFileSystem disk_;
  FakeClock clock_{1'700'000'000'000'000'000};
};

TEST_F(FairKeepingTest, AFloodRemovesNothingOfOthers) {
  Words quiet;
  {
    Writer writer(Small(&disk_));
    for (int i = 0; i < 5; ++i) {
      const std::string word = "quiet" + std::to_string(i);
      quiet[writer.Write(i % 2 == 0 ? kRoot : kBob, word)] = word;
      writer.Flood(kAlice, 40);
    }
    ASSERT_NO_FATAL_FAILURE(ExpectAll(quiet, &writer.journal()));
    writer.Trim(2 * kKeepBytes);
    ASSERT_NO_FATAL_FAILURE(ExpectAll(quiet, &writer.journal()));
    const Counters& counters = writer.run().counters();
    EXPECT_GT(ForgottenOf(counters, kAlice), 100'000u);
    EXPECT_EQ(ForgottenOf(counters, kRoot), 0u);
    EXPECT_EQ(ForgottenOf(counters, kBob), 0u);
    EXPECT_EQ(counters.Total("journal.dropped"), 0u);
    EXPECT_EQ(counters.Total("journal.damaged"), 0u);
    EXPECT_EQ(writer.journal().GetUsage().first_sequence, 1u);
  }
  for (int restart = 0; restart < 3; ++restart) {
    Writer writer(Small(&disk_));
    ASSERT_NO_FATAL_FAILURE(ExpectAll(quiet, &writer.journal()));
    writer.Flood(kAlice, 40);
    ASSERT_NO_FATAL_FAILURE(ExpectAll(quiet, &writer.journal()));
    EXPECT_EQ(writer.run().counters().Total("journal.damaged"), 0u);
    EXPECT_LE(writer.journal().GetUsage().bytes, 3 * kKeepBytes);
  }
}

TEST_F(FairKeepingTest, WhatASubordinateUidWroteStaysInItsUsersShare) {
  SetSubordinateUids({{165536, 231071, kBob}});
  const absl::Cleanup forget = [] { SetSubordinateUids({}); };
  Words quiet;
  for (int run = 0; run < 3; ++run) {
    Writer writer(Small(&disk_));
    const std::string word = "quiet" + std::to_string(run);
    quiet[writer.Write(165536 + static_cast<uid_t>(run), word)] = word;
    writer.Flood(kAlice, 40);
    writer.Trim(2 * kKeepBytes);
    ASSERT_NO_FATAL_FAILURE(ExpectAll(quiet, &writer.journal()));
    EXPECT_EQ(ForgottenOf(writer.run().counters(), kBob), 0u);
    EXPECT_EQ(writer.run().counters().Total("journal.dropped"), 0u);
  }
}

// Random writers of random sizes, with restarts: who holds no more than its share has all that it
// ever wrote, and nothing is there twice, changed, or of nobody.
TEST_F(FairKeepingTest, WhoIsWithinItsShareHasAllOfItsHistory) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    CrashFileSystem disk;
    Words written;
    std::map<uid_t, Words> by_uid;
    for (int run = 0; run < 4; ++run) {
      Options options = Small(&disk);
      options.boot_id = "boot-" + std::to_string(run / 2);
      Writer writer(options);
      ASSERT_TRUE(writer.run().is_open());
      const uid_t flooder = random() % 2 == 0 ? kAlice : random() % 4;
      const int rounds = 50 + static_cast<int>(random() % 100);
      for (int i = 0; i < rounds; ++i) {
        const uid_t uid = random() % 5 == 0 ? random() % 4 : flooder;
        std::string word = "w" + std::to_string(run) + "." + std::to_string(i) + ".";
        word += std::string(uid == flooder ? 1000 : random() % 60, 'x');
        const uint64_t sequence = writer.Write(uid, word);
        written[sequence] = by_uid[uid][sequence] = word;
      }
      writer.Trim(2 * kKeepBytes + kSegmentBytes + 1000);
      const Words found = ReadAll(&writer.journal());
      for (const auto& [sequence, word] : found) {
        ASSERT_EQ(written.count(sequence), 1u) << sequence;
        ASSERT_EQ(word, written.at(sequence));
      }
      for (const auto& [uid, words] : by_uid) {
        uint64_t held = 0;
        for (const auto& [sequence, word] : words) held += word.size() + 100;
        // Four others write, and root has half for sure.
        if (held > (uid == kRoot ? kKeepBytes / 2 : kKeepBytes / 8)) continue;
        for (const auto& [sequence, word] : words) ASSERT_EQ(found.count(sequence), 1u) << uid;
        EXPECT_EQ(ForgottenOf(writer.run().counters(), uid), 0u) << uid;
      }
      EXPECT_EQ(writer.run().counters().Total("journal.damaged"), 0u);
      EXPECT_EQ(writer.run().counters().Total("journal.dropped"), 0u);
      EXPECT_LE(writer.journal().GetUsage().bytes, options.max_bytes);
    }
  }
}

// A disk that shows what a power cut would leave behind before each call that changes it.
class ObservedFileSystem : public CrashFileSystem {
 public:
  ObservedFileSystem() : random_(1) {}

  void Observe(bool is_on) {
    MutexLock lock(&mutex_);
    is_on_ = is_on;
  }
  std::vector<DiskState> TakeStates() {
    MutexLock lock(&mutex_);
    return std::exchange(states_, {});
  }

  int Open(const std::string& path, int flags, mode_t mode) override {
    Look();
    return CrashFileSystem::Open(path, flags, mode);
  }
  ssize_t Pwrite(int fd, const char* bytes, size_t size, uint64_t offset) override {
    Look();
    return CrashFileSystem::Pwrite(fd, bytes, size, offset);
  }
  ssize_t Pwritev(int fd, const iovec* pieces, int count, uint64_t offset) override {
    Look();
    return CrashFileSystem::Pwritev(fd, pieces, count, offset);
  }
  int Fsync(int fd) override {
    Look();
    return CrashFileSystem::Fsync(fd);
  }
  int Ftruncate(int fd, uint64_t size) override {
    Look();
    return CrashFileSystem::Ftruncate(fd, size);
  }
  int Rename(const std::string& from, const std::string& to) override {
    Look();
    return CrashFileSystem::Rename(from, to);
  }
  int Unlink(const std::string& path) override {
    Look();
    return CrashFileSystem::Unlink(path);
  }

 private:
  void Look() {
    MutexLock lock(&mutex_);
    if (!is_on_) return;
    for (DiskState& state : SampleStates(&random_, 2)) states_.push_back(std::move(state));
    states_.push_back(StateNow());
  }

  Mutex mutex_;
  bool is_on_ GUARDED_BY(mutex_) = false;
  std::mt19937 random_ GUARDED_BY(mutex_);
  std::vector<DiskState> states_ GUARDED_BY(mutex_);
};

TEST_F(FairKeepingTest, WhereverThePowerGoesNothingOfOthersIsLostOrThereTwice) {
  ObservedFileSystem disk;
  Writer writer(Small(&disk));
  Words quiet;
  std::map<DiskState, bool> seen;
  for (int round = 0; round < 8; ++round) {
    const std::string word = "quiet" + std::to_string(round);
    quiet[writer.Write(round % 2 == 0 ? kRoot : kBob, word)] = word;
    const uint64_t last = writer.journal().last_sequence();
    if (round > 2) disk.Observe(true);
    writer.Flood(kAlice, 9);
    disk.Observe(false);
    for (const DiskState& state : disk.TakeStates()) {
      if (!seen.emplace(state, true).second) continue;
      CrashFileSystem after(state);
      JournalRun next(Roomy(&after));
      ASSERT_TRUE(next.is_open()) << next.status();
      ASSERT_GE(next.journal().last_sequence(), last);
      const Words found = ReadAll(&next.journal());
      for (const auto& [sequence, quiet_word] : quiet) {
        ASSERT_EQ(found.count(sequence), 1u) << "lost " << sequence;
      }
      for (const auto& [sequence, found_word] : found) {
        const auto appended = writer.run().appended().find(sequence);
        ASSERT_NE(appended, writer.run().appended().end());
        ASSERT_EQ(found_word, appended->second) << sequence;
      }
      ASSERT_EQ(next.counters().Total("journal.damaged"), 0u);
      ASSERT_NO_FATAL_FAILURE(ExpectUsageIsWhatFilesHold(&next, &after));
    }
  }
  EXPECT_GT(seen.size(), 200u);
}

class FairKeepingFaultTest : public FairKeepingTest, public ::testing::WithParamInterface<int> {};

TEST_P(FairKeepingFaultTest, WhicheverCallFailsNothingOfOthersIsLost) {
  for (int call = 0;; ++call) {
    SCOPED_TRACE(call);
    CrashFileSystem disk;
    FaultyFileSystem fs(&disk);
    Writer writer(Small(&fs));
    Words quiet;
    bool has_failed = false;
    for (int round = 0; round < 5; ++round) {
      const std::string word = "quiet" + std::to_string(round);
      quiet[writer.Write(round % 2 == 0 ? kRoot : kBob, word)] = word;
      if (round == 3) fs.FailCall(call, GetParam());
      writer.Flood(kAlice, 8);
    }
    writer.Trim(2 * kKeepBytes + kSegmentBytes);
    has_failed = fs.has_failed();
    fs.FailCall(-1, 0);
    ASSERT_NO_FATAL_FAILURE(ExpectAll(quiet, &writer.journal()));
    CrashFileSystem after(disk.StateNow());
    JournalRun next(Roomy(&after));
    ASSERT_NO_FATAL_FAILURE(ExpectAll(quiet, &next.journal()));
    EXPECT_EQ(next.counters().Total("journal.damaged"), 0u);
    ASSERT_NO_FATAL_FAILURE(ExpectUsageIsWhatFilesHold(&next, &after));
    if (!has_failed) break;
    call += call / 20;
  }
}

INSTANTIATE_TEST_SUITE_P(EveryError, FairKeepingFaultTest,
                         ::testing::Values(ENOSPC, EIO, FaultyFileSystem::kShortWrite));

TEST_F(FairKeepingTest, CopiesAreReadAsOfTheBootThatWroteThem) {
  Options options = Small(&disk_);
  Words quiet;
  {
    Writer writer(options);
    quiet[writer.Write(kRoot, "first")] = "first";
    writer.Flood(kAlice, 30);
  }
  options.boot_id = "boot-2";
  Writer writer(options);
  quiet[writer.Write(kRoot, "second")] = "second";
  writer.Flood(kAlice, 60);
  writer.Trim(2 * kKeepBytes);
  const auto reader = writer.journal().OpenReader("");
  reader->Restore(0);
  std::map<std::string, bool> this_boot;
  while (const auto entry = reader->Next(Now())) this_boot[WordOf(entry->batch)] = entry->this_boot;
  EXPECT_FALSE(this_boot.at("first"));
  EXPECT_TRUE(this_boot.at("second"));
}

TEST_F(FairKeepingTest, ACopyGoesWhenItIsTooOld) {
  Options options = Small(&disk_);
  options.max_age = std::chrono::hours(24);
  Writer writer(options);
  const uint64_t first = writer.Write(kRoot, "old");
  writer.Flood(kAlice, 40);
  EXPECT_EQ(ReadAll(&writer.journal()).count(first), 1u);
  clock_.Advance(std::chrono::hours(25));
  const uint64_t second = writer.Write(kRoot, "new");
  writer.Flood(kAlice, 40);
  writer.journal().Trim();
  EXPECT_EQ(ReadAll(&writer.journal()).count(first), 0u);
  EXPECT_EQ(ReadAll(&writer.journal()).count(second), 1u);
  EXPECT_GT(ForgottenOf(writer.run().counters(), kRoot), 0u);
}

// Of what was copied, too, the oldest goes once its user is beyond its share.
TEST_F(FairKeepingTest, CopiesBeyondTheirShareAreNotKeptForEver) {
  Writer writer(Small(&disk_));
  for (int i = 0; i < 400; ++i) {
    writer.Write(kBob, std::string(400, 'b'));
    writer.Write(kAlice, std::string(1000, 'a'));
    if (i % 2 == 0) writer.Write(kRoot, std::string(700, 'r'));
  }
  writer.Trim(2 * kKeepBytes);
  EXPECT_GT(ForgottenOf(writer.run().counters(), kBob), 50'000u);
  EXPECT_GT(ForgottenOf(writer.run().counters(), kRoot), 50'000u);
  uint64_t of_bob = 0;
  const Words found = ReadAll(&writer.journal());
  for (const auto& [sequence, word] : found) of_bob += word[0] == 'b' ? word.size() : 0;
  EXPECT_GT(of_bob, kKeepBytes / 8);
}

TEST_F(FairKeepingTest, AFloodOfUnreadEntriesCostsNobodyElseTheirs) {
  JournalRun run(Small(&disk_));
  const auto log = run.journal().OpenReader("log");
  log->Restore(0);
  Words quiet;
  const auto write = [&](uid_t uid, const std::string& word) {
    const auto deadline = TestDeadline();
    uint64_t sequence;
    while ((sequence = run.Write(word, Urgency::kNow, uid)) == 0) {
      ASSERT_LT(Now(), deadline) << run.last_refusal();
      if (absl::IsResourceExhausted(run.last_refusal())) return;
    }
    if (word[0] == 'q') quiet[sequence] = word;
  };
  write(kRoot, "quiet root");
  write(kBob, "quiet bob");
  for (int i = 0; i < 100; ++i) write(kAlice, std::string(1000, 'f'));
  EXPECT_TRUE(absl::IsResourceExhausted(run.last_refusal()));
  ASSERT_TRUE(run.WaitForSync(run.journal().last_sequence()));
  // Those within their share have room, and alice has to make it.
  for (int i = 0; i < 10; ++i) write(kBob, "q" + std::string(500, 'b'));
  write(kRoot, "quiet root again");
  const auto deadline = TestDeadline();
  while (run.counters().Total("journal.dropped", "log_full") == 0) {
    ASSERT_LT(Now(), deadline);
    run.journal().Trim();
  }
  const Words found = ReadAll(log.get());
  for (const auto& [sequence, word] : quiet) ASSERT_EQ(found.count(sequence), 1u) << word;
  for (const auto& value : run.counters().Snapshot()) {
    if (value.name != "journal.dropped") continue;
    EXPECT_EQ(value.uid, kAlice);
  }
}

TEST_F(FairKeepingTest, AReaderInsideASegmentGoesOnInItsCopy) {
  Writer writer(Small(&disk_));
  const auto view = writer.journal().OpenReader("");
  Words expected;
  for (int i = 0; i < 4; ++i) {
    const std::string word = "quiet" + std::to_string(i);
    expected[writer.Write(kRoot, word)] = word;
    writer.Write(kAlice, std::string(900, 'f'));
  }
  view->Restore(0);
  ASSERT_EQ(WordOf(view->Next(Now())->batch), "quiet0");
  writer.Flood(kAlice, 80);
  Words found{{1, "quiet0"}};
  uint64_t next = 2;
  while (const auto entry = view->Next(Now())) {
    EXPECT_GE(entry->sequence, next + entry->forgotten_before);
    next = entry->sequence + 1;
    found[entry->sequence] = WordOf(entry->batch);
  }
  for (const auto& [sequence, word] : expected) EXPECT_EQ(found[sequence], word);
  EXPECT_EQ(writer.run().counters().Total("journal.damaged"), 0u);
}

TEST_F(FairKeepingTest, HoldsInMemoryAndOnTheWayToDisk) {
  SickDisk disk;
  disk.SetHealth(SickDisk::Health::kReadOnly);
  Options options = Small(&disk);
  options.memory_directory = "/memory";
  options.max_memory_bytes = options.max_bytes;
  Words quiet;
  {
    Writer writer(options);
    ASSERT_EQ(writer.journal().durability(), Durability::kMemory);
    quiet[writer.Write(kRoot, "quiet")] = "quiet";
    writer.Flood(kAlice, 60);
    ASSERT_NO_FATAL_FAILURE(ExpectAll(quiet, &writer.journal()));
    disk.SetHealth(SickDisk::Health::kWell);
    const absl::Status moved = writer.journal().MoveToDisk();
    ASSERT_TRUE(moved.ok()) << moved;
    quiet[writer.Write(kRoot, "on disk")] = "on disk";
    writer.Flood(kAlice, 60);
    ASSERT_NO_FATAL_FAILURE(ExpectAll(quiet, &writer.journal()));
  }
  Writer writer(options);
  ASSERT_NO_FATAL_FAILURE(ExpectAll(quiet, &writer.journal()));
}

}  // namespace
}  // namespace sluice::journal
