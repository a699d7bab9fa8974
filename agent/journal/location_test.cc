// The journal on the machine's own file system: locks, and life in memory while the disk cannot be
// written.
#include "agent/journal/location.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "agent/base/crc32c.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/journal_harness.h"

namespace sluice::journal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

// Refuses to change anything below one path.
class ReadOnlyPath : public FaultyFileSystem {
 public:
  explicit ReadOnlyPath(std::string path)
      : FaultyFileSystem(&FileSystem::System()), path_(std::move(path)) {}

  void Remount() { is_read_only_ = false; }
  int Open(const std::string& path, int flags, mode_t mode) override {
    if (IsRefused(path) && (flags & O_ACCMODE) != O_RDONLY) return -1;
    return FaultyFileSystem::Open(path, flags, mode);
  }
  int Mkdir(const std::string& path, mode_t mode) override {
    return IsRefused(path) ? -1 : FaultyFileSystem::Mkdir(path, mode);
  }
  int Unlink(const std::string& path) override {
    return IsRefused(path) ? -1 : FaultyFileSystem::Unlink(path);
  }

 private:
  bool IsRefused(const std::string& path) const {
    errno = EROFS;
    return is_read_only_ && path.starts_with(path_);
  }

  const std::string path_;
  std::atomic<bool> is_read_only_{true};
};

class LocationTest : public ::testing::Test {
 protected:
  LocationTest() {
    char pattern[] = "/tmp/sluice_jl_XXXXXX";
    root_ = ::mkdtemp(pattern);
    disk_ = root_ + "/journal";
    memory_ = root_ + "/memory";
  }
  ~LocationTest() override { std::filesystem::remove_all(root_); }

  Options WithMemory(FileSystem* fs) const {
    Options options = JournalRun::TestOptions(fs, disk_);
    options.memory_directory = memory_;
    return options;
  }
  Options OnDisk() const { return WithMemory(&FileSystem::System()); }

  std::string root_, disk_, memory_;
};

TEST_F(LocationTest, MakesADirectoryThatOnlyItsOwnerMayEnter) {
  JournalRun run(OnDisk());
  struct stat found;
  ASSERT_EQ(::stat(disk_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700u);
  EXPECT_FALSE(std::filesystem::exists(memory_));
}

TEST_F(LocationTest, OnlyOneAgentHoldsAJournal) {
  JournalRun first(OnDisk());
  JournalRun second(OnDisk());
  EXPECT_TRUE(absl::IsAlreadyExists(second.status())) << second.status();
  EXPECT_THAT(std::string(second.status().message()), ::testing::HasSubstr(disk_));
}

TEST_F(LocationTest, FailsWithoutAPlaceInMemory) {
  ReadOnlyPath fs(disk_);
  Options options = WithMemory(&fs);
  options.memory_directory.clear();
  JournalRun run(options);
  EXPECT_FALSE(run.is_open());
}

TEST_F(LocationTest, LivesInMemoryUntilTheDiskCanBeWritten) {
  ReadOnlyPath fs(disk_);
  JournalRun run(WithMemory(&fs));
  ASSERT_TRUE(run.is_open()) << run.status();
  EXPECT_EQ(run.journal().durability(), Durability::kMemory);
  const auto log = run.journal().OpenReader("log");
  log->Restore(0);
  run.Write("a");
  run.Write("b");
  EXPECT_EQ(log->Next(TestDeadline())->sequence, 1u);
  EXPECT_FALSE(run.journal().MoveToDisk().ok());
  fs.Remount();
  ASSERT_TRUE(run.journal().MoveToDisk().ok());
  EXPECT_EQ(run.journal().durability(), Durability::kSynced);
  EXPECT_EQ(run.Write("c"), 3u);
  EXPECT_THAT(ReadAll(log.get()), ElementsAre(Pair(2, "b"), Pair(3, "c")));
  EXPECT_THAT(ReadAll(&run.journal()), ElementsAre(Pair(1, "a"), Pair(2, "b"), Pair(3, "c")));
  EXPECT_TRUE(std::filesystem::is_empty(memory_));
}

TEST_F(LocationTest, WhatWasMovedToDiskIsThereAfterARestart) {
  ReadOnlyPath fs(disk_);
  {
    JournalRun run(WithMemory(&fs));
    run.Write("a");
    fs.Remount();
    ASSERT_TRUE(run.journal().MoveToDisk().ok());
    run.Write("b");
  }
  JournalRun run(OnDisk());
  EXPECT_THAT(ReadAll(&run.journal()), ElementsAre(Pair(1, "a"), Pair(2, "b")));
}

TEST_F(LocationTest, GoesOnInMemoryBehindAJournalThatCanOnlyBeRead) {
  {
    JournalRun run(OnDisk());
    run.Write("old");
  }
  ReadOnlyPath fs(disk_);
  JournalRun run(WithMemory(&fs));
  ASSERT_TRUE(run.is_open()) << run.status();
  EXPECT_THAT(run.recovered().words(), ElementsAre(Pair(1, "old")));
  EXPECT_EQ(run.Write("new"), 2u);
  EXPECT_THAT(ReadAll(&run.journal()), ElementsAre(Pair(1, "old"), Pair(2, "new")));
  fs.Remount();
  ASSERT_TRUE(run.journal().MoveToDisk().ok());
  run.Write("newer");
  EXPECT_THAT(ReadAll(&run.journal()),
              ElementsAre(Pair(1, "old"), Pair(2, "new"), Pair(3, "newer")));
}

TEST_F(LocationTest, ARestartTakesAnEarlierRunFromMemoryToDisk) {
  {
    ReadOnlyPath fs(disk_);
    JournalRun run(WithMemory(&fs));
    run.Write("a");
  }
  JournalRun run(OnDisk());
  EXPECT_EQ(run.journal().durability(), Durability::kSynced);
  EXPECT_THAT(ReadAll(&run.journal()), ElementsAre(Pair(1, "a")));
  EXPECT_TRUE(std::filesystem::is_empty(memory_));
}

TEST_F(LocationTest, AJournalThatTurnsUpBehindTheMountIsSetAside) {
  { JournalRun(OnDisk()).Write("unseen"); }
  const std::string hidden = root_ + "/hidden";
  std::filesystem::rename(disk_, hidden);
  ReadOnlyPath fs(disk_);
  JournalRun run(WithMemory(&fs));
  run.Write("a");
  std::filesystem::rename(hidden, disk_);
  fs.Remount();
  ASSERT_TRUE(run.journal().MoveToDisk().ok());
  EXPECT_EQ(run.counters().Total("journal.set_aside", "unseen"), 1u);
  EXPECT_THAT(ReadAll(&run.journal()), ElementsAre(Pair(1, "a")));
  EXPECT_FALSE(std::filesystem::is_empty(disk_ + ".set-aside"));
}

// Has the segments below `directory` be of that format version.
void SetVersion(const std::string& directory, uint32_t version) {
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    std::fstream segment(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    std::string header(kSegmentHeaderBytes, '\0');
    segment.read(header.data(), static_cast<std::streamsize>(header.size()));
    std::memcpy(header.data() + 8, &version, sizeof(version));
    const uint32_t crc = Crc32c(header.substr(0, header.size() - sizeof(uint32_t)));
    std::memcpy(header.data() + header.size() - sizeof(crc), &crc, sizeof(crc));
    segment.seekp(0);
    segment.write(header.data(), static_cast<std::streamsize>(header.size()));
  }
}

TEST_F(LocationTest, AJournalOfAnotherFormatIsSetAsideWholeAndStaysReadable) {
  Options options = OnDisk();
  options.segment_bytes = 300;
  {
    JournalRun run(options);
    for (int i = 1; i <= 9; ++i) run.Write("theirs " + std::to_string(i));
    EXPECT_TRUE(run.journal().GetUsage().set_aside.empty());
  }
  SetVersion(disk_, 3);
  {
    JournalRun run(options);
    ASSERT_TRUE(run.is_open()) << run.status();
    EXPECT_EQ(run.counters().Total("journal.set_aside", "other_format"), 1u);
    EXPECT_THAT(run.journal().GetUsage().set_aside, ElementsAre(disk_ + ".format-3"));
    EXPECT_EQ(run.Write("ours"), 1u);
  }
  SetVersion(disk_, 3);
  {
    JournalRun run(options);
    EXPECT_THAT(run.journal().GetUsage().set_aside,
                ElementsAre(disk_ + ".format-3", disk_ + ".format-3.2"));
    EXPECT_THAT(ReadAll(&run.journal()), IsEmpty());
  }
  // The release that knows it opens it where it is.
  SetVersion(disk_ + ".format-3", kFormatVersion);
  options.directory = disk_ + ".format-3";
  JournalRun theirs(options);
  EXPECT_EQ(ReadAll(&theirs.journal()).size(), 9u);
}

TEST_F(LocationTest, AJournalOfAnotherFormatIsLeftAloneOnADiskThatCanOnlyBeRead) {
  { JournalRun(OnDisk()).Write("theirs"); }
  SetVersion(disk_, 3);
  ReadOnlyPath fs(disk_);
  JournalRun run(WithMemory(&fs));
  ASSERT_TRUE(run.is_open()) << run.status();
  EXPECT_EQ(run.Write("ours"), 1u);
  fs.Remount();
  ASSERT_TRUE(run.journal().MoveToDisk().ok());
  EXPECT_THAT(run.journal().GetUsage().set_aside, ElementsAre(disk_ + ".format-3"));
  EXPECT_THAT(ReadAll(&run.journal()), ElementsAre(Pair(1, "ours")));
}

TEST_F(LocationTest, LooksAtAnotherMachinesJournalAndChangesNothing) {
  Words written;
  {
    Options options = OnDisk();
    options.machine_id = "theirs";
    JournalRun run(options);
    ASSERT_TRUE(run.WaitForSync(run.Write("a")));
    ASSERT_TRUE(run.WaitForSync(run.Write("b")));
    written = run.appended();
  }
  const auto segment = std::filesystem::directory_iterator(disk_)->path();
  const auto torn = std::filesystem::file_size(segment) + 3;
  std::ofstream(segment, std::ios::app) << "xyz";

  ReadOnlyPath fs(disk_);
  Options options = OnDisk();
  options.file_system = &fs;
  options.machine_id = "ours";
  RecordingVisitor visitor;
  const auto journal = Journal::Look(options, &visitor);
  ASSERT_TRUE(journal.ok()) << journal.status();
  EXPECT_EQ(ReadAll(journal->get()), written);
  EXPECT_EQ(std::filesystem::file_size(segment), torn);
}

TEST_F(LocationTest, LooksWhileItsAgentRuns) {
  JournalRun run(OnDisk());
  run.Write("a");
  RecordingVisitor visitor;
  const auto journal = Journal::Look(OnDisk(), &visitor);
  ASSERT_TRUE(journal.ok()) << journal.status();
  EXPECT_THAT(ReadAll(journal->get()), ElementsAre(Pair(1, "a")));
  EXPECT_NE(run.Write("b"), 0u);
}

TEST_F(LocationTest, SaysWhereThereIsNothingToLookAt) {
  RecordingVisitor visitor;
  EXPECT_TRUE(absl::IsNotFound(Journal::Look(OnDisk(), &visitor).status()));
  EXPECT_FALSE(std::filesystem::exists(disk_));
}

TEST_F(LocationTest, HealsOnARealFileSystemThatRanFull) {
  ASSERT_EQ(::mkdir(disk_.c_str(), 0700), 0);
  if (::mount("tmpfs", disk_.c_str(), "tmpfs", 0, "size=2m") != 0) {
    GTEST_SKIP() << "mounting a tmpfs takes root: " << std::strerror(errno);
  }
  {
    JournalRun run(OnDisk());
    ASSERT_TRUE(run.WaitForSync(run.Write("before")));
    const std::string ballast = disk_ + "/ballast";
    std::ofstream(ballast) << std::string(4 << 20, 'x');
    const auto deadline = TestDeadline();
    while (run.Write(std::string(1000, 'x')) != 0) ASSERT_LT(Now(), deadline);
    EXPECT_TRUE(absl::IsUnavailable(run.last_refusal())) << run.last_refusal();
    std::filesystem::remove(ballast);
    ASSERT_TRUE(run.WaitForSync(run.appended().rbegin()->first));
    EXPECT_EQ(ReadAll(&run.journal()), run.appended());
  }
  ::umount(disk_.c_str());
}

TEST_F(LocationTest, MemoryIsBoundedAndFreedByWhatSinksHaveRead) {
  ReadOnlyPath fs(disk_);
  Options options = WithMemory(&fs);
  options.max_memory_bytes = 64 * 1024;
  JournalRun run(options);
  const auto log = run.journal().OpenReader("log");
  int taken = 0;
  while (taken < 200 && run.Write(std::string(1000, 'x')) != 0) ++taken;
  EXPECT_LT(taken, 64);
  EXPECT_TRUE(absl::IsResourceExhausted(run.last_refusal()));
  log->Commit(run.journal().last_sequence());
  EXPECT_NE(run.Write("more"), 0u);
}

}  // namespace
}  // namespace sluice::journal
