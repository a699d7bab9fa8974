// The agent dies within every write: nothing acknowledged is lost, the file stays aligned, and
// others' records stay as they are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "proto/kvp/syscalls_system.h"
#include "tests/support/kvp/pool_scenario.h"

namespace sluice::kvp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Dies by SIGKILL at its nth call that changes the file: before it if `bytes` is 0, else after
// `bytes` of what an overwrite takes.
class DyingSyscalls : public PoolSyscalls {
 public:
  DyingSyscalls(int nth, size_t bytes) : left_(nth), bytes_(bytes) {}

  int Fallocate(int fd, off_t offset, off_t count) override {
    const bool dies = DiesNow();
    const int result = PoolSyscalls::Fallocate(fd, offset, count);
    if (dies) ::raise(SIGKILL);
    return result;
  }
  ssize_t PwriteWithin(int fd, const void* bytes, size_t count, off_t offset) override {
    const bool dies = DiesNow();
    const ssize_t n =
        PoolSyscalls::PwriteWithin(fd, bytes, dies ? std::min(bytes_, count) : count, offset);
    if (dies) ::raise(SIGKILL);
    return n;
  }
  int Ftruncate(int fd, off_t size) override {
    const bool dies = DiesNow();
    const int result = PoolSyscalls::Ftruncate(fd, size);
    if (dies) ::raise(SIGKILL);
    return result;
  }

 private:
  bool DiesNow() {
    const bool now = --left_ == 0;
    if (now && bytes_ == 0) ::raise(SIGKILL);
    return now;
  }

  int left_;
  const size_t bytes_;
};

// What a killed process got done, in memory it shared.
struct Progress {
  size_t acknowledged_steps = 0;
};

// The steps in a child that dies; true if it lived to the end.
bool RunUntilKilled(const PoolDirectory& directory, const std::vector<Step>& steps, int nth,
                    size_t bytes, Progress* progress) {
  const pid_t child = ::fork();
  if (child == 0) {
    DyingSyscalls syscalls(nth, bytes);
    KeeperHarness keeper(directory, &syscalls);
    for (const Step& step : steps) {
      if (!step(keeper).ok()) ::_exit(1);
      ++progress->acknowledged_steps;
    }
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
  return WIFEXITED(status);
}

// A record that was on its way to an earlier place stands twice, as the one thing that a kill
// leaves behind.
void CutLastRecord(const PoolDirectory& directory) {
  const std::string bytes = directory.Bytes();
  directory.Write(bytes.substr(0, bytes.size() - kRecordBytes));
}

TEST(PoolKillTest, LosesNothingWhereverTheAgentDies) {
  KeeperHarness undisturbed;
  Play(undisturbed);
  auto* const progress = static_cast<Progress*>(
      ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  for (const size_t bytes : {size_t{0}, size_t{1536}, size_t{1} << 20}) {
    for (int nth = 1;; ++nth) {
      SCOPED_TRACE(absl::StrCat("write ", nth, " after ", bytes, " bytes"));
      PoolDirectory directory;
      directory.Write(Before());
      *progress = {};
      if (RunUntilKilled(directory, Scenario(), nth, bytes, progress)) break;
      // Whoever else writes before we are back is not shifted by what we left.
      const bool torn_by_others = directory.Bytes().ends_with("torn");
      EXPECT_EQ(directory.Bytes().size() % kRecordBytes, torn_by_others ? 4u : 0u);
      KeeperHarness keeper(directory, SystemSyscalls());
      if (keeper.Count(kMovedKey) == 2) CutLastRecord(directory);
      // The sink's cursor stands behind what was acknowledged; the rest comes again.
      const std::vector<Step> steps = Scenario();
      for (size_t i = progress->acknowledged_steps; i < steps.size(); ++i) {
        ASSERT_TRUE(steps[i](keeper).ok());
      }
      EXPECT_THAT(Difference(SortedOwn(keeper), SortedOwn(undisturbed)), IsEmpty());
    }
  }
  ::munmap(progress, sizeof(Progress));
}

TEST(PoolKillTest, FillsTheRecordsItLeftUnfinishedThoughAnotherProgramWroteBehindThem) {
  const Step append = [](KeeperHarness& keeper) {
    return keeper->Append({Entry("a"), Entry("b", Level::kInfo, 0, 2)});
  };
  Progress unused;
  for (const auto& [nth, bytes] : {std::pair<int, size_t>{1, 1}, {2, 0}, {2, 1536}, {2, 4096}}) {
    SCOPED_TRACE(absl::StrCat("call ", nth, " after ", bytes, " bytes"));
    PoolDirectory directory;
    ASSERT_FALSE(RunUntilKilled(directory, {append}, nth, bytes, &unused));
    directory.AppendBytes(RawRecord("foreign", "1"));
    KeeperHarness keeper(directory, SystemSyscalls());
    ASSERT_TRUE(append(keeper).ok());
    EXPECT_THAT(keeper.texts(),
                ElementsAre("sluice|a=text 0", "sluice|b=text 0", "sluice|b=text 1", "foreign=1"));
  }
}

TEST(PoolKillTest, FillsWithTheNextRecordWhatMovedBeforeItWasBack) {
  const Step append = [](KeeperHarness& keeper) {
    return keeper->Append({Entry("a"), Entry("b", Level::kInfo, 0, 2)});
  };
  Progress unused;
  PoolDirectory directory;
  directory.Write(Foreign(2));
  ASSERT_FALSE(RunUntilKilled(directory, {append}, 2, 0, &unused));
  directory.AppendBytes(RawRecord("foreign", "1"));
  directory.Write(directory.Bytes().substr(kRecordBytes));  // the host deletes the first
  KeeperHarness keeper(directory, SystemSyscalls());
  ASSERT_TRUE(append(keeper).ok());
  ASSERT_TRUE(keeper->Append({Entry("c")}).ok());
  EXPECT_THAT(keeper.texts(),
              ElementsAre("CLOUD_INIT|1=theirs", "sluice|c=text 0", "sluice|a=text 0",
                          "sluice|b=text 0", "foreign=1", "sluice|b=text 1"));
}

// Another program truncates the pool right before a call that writes in place or cuts, and the
// agent dies right after it.
class OvertakenSyscalls : public PoolSyscalls {
 public:
  explicit OvertakenSyscalls(const PoolDirectory& directory) : directory_(directory) {}

  ssize_t PwriteWithin(int fd, const void* bytes, size_t count, off_t offset) override {
    directory_.Write("");
    PoolSyscalls::PwriteWithin(fd, bytes, count, offset);
    ::raise(SIGKILL);
    return -1;
  }
  int Ftruncate(int fd, off_t size) override {
    directory_.Write("");
    PoolSyscalls::Ftruncate(fd, size);
    ::raise(SIGKILL);
    return -1;
  }

 private:
  const PoolDirectory& directory_;
};

// Runs a session in a child that dies in it.
void DieOvertaken(const PoolDirectory& directory, void (*act)(PoolFile::Session&)) {
  const pid_t child = ::fork();
  if (child == 0) {
    OvertakenSyscalls syscalls(directory);
    PoolFile file({.path = directory.pool(), .syscalls = &syscalls});
    absl::StatusOr<PoolFile::Session> session = file.Lock();
    if (session.ok()) act(*session);
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
}

TEST(PoolKillTest, OverwritingLeavesNoHoleInATruncatedFile) {
  PoolDirectory directory;
  directory.Write(Foreign(3));
  DieOvertaken(directory, [](PoolFile::Session& session) {
    (void)session.Overwrite(2 * kRecordBytes, RawRecord("a", "1"));
  });
  EXPECT_EQ(directory.Bytes(), "");
}

TEST(PoolKillTest, TheNextSessionCutsTheHoleThatRepairingATailLeft) {
  PoolDirectory directory;
  directory.Write(Foreign(3) + "torn");
  DieOvertaken(directory, [](PoolFile::Session&) {});
  ASSERT_EQ(directory.Bytes(), std::string(3 * kRecordBytes, '\0'));
  PoolFile file({.path = directory.pool()});
  ASSERT_TRUE(file.Lock().ok());
  EXPECT_EQ(directory.Bytes(), "");
}

}  // namespace
}  // namespace sluice::kvp
