// Every system call of the store fails in turn, and the agent dies within every write: nothing
// acknowledged is lost, the file stays aligned, others' records stay as they are, and each failure
// is reported once, with its path.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <iterator>

#include "agent/sinks/kvp/pool_keeper.h"
#include "tests/support/kvp/keeper_harness.h"

namespace sluice::kvp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr size_t kForeign = 936;  // leaves 64 records for us

constexpr const char* kMovedKey = "moved";

// What others have written before we come: with a record that one of them left empty.
std::string Before() {
  return Foreign(kForeign) + RawRecord("", "") + RawRecord("foreign", "behind a hole");
}

using Step = std::function<absl::Status(KeeperHarness&)>;

absl::Status Acted() { return absl::OkStatus(); }

absl::Status Edit(KeeperHarness& keeper, const PoolEdit& edit) {
  return keeper->Edit(edit, absl::UnixEpoch()).status();
}

// What the agent does, and what others do in between; every kind of write occurs.
std::vector<Step> Scenario() {
  return {
      [](KeeperHarness& keeper) {
        return keeper->Append({Entry("a"), Entry("b", Level::kError, 0, 2)});
      },
      [](KeeperHarness& keeper) { return keeper->Upsert("PROVISIONING_REPORT", "in progress"); },
      [](KeeperHarness& keeper) {
        keeper.directory.AppendBytes("torn");
        return Acted();
      },
      [](KeeperHarness& keeper) { return keeper->Append(Entries("info", 60)); },
      [](KeeperHarness& keeper) { return keeper->Append(Entries("more", 3)); },
      [](KeeperHarness& keeper) { return keeper->Append({Entry("long", Level::kInfo, 0, 2)}); },
      [](KeeperHarness& keeper) { return keeper->Upsert("PROVISIONING_REPORT", "success"); },
      [](KeeperHarness& keeper) { return keeper->Sync(); },
      [](KeeperHarness& keeper) {
        keeper.directory.AppendBytes(RawRecord("PROVISIONING_REPORT", "another's"));
        keeper.directory.AppendBytes(RawRecord("PROVISIONING_REPORT", "and one more"));
        return Acted();
      },
      [](KeeperHarness& keeper) { return keeper->Upsert("PROVISIONING_REPORT", "last word"); },
      [](KeeperHarness& keeper) {
        return Edit(keeper, {.kind = PoolEdit::Kind::kUpsert, .records = {{"edited", "by root"}}});
      },
      [](KeeperHarness& keeper) {
        return Edit(keeper, {.kind = PoolEdit::Kind::kUpsert, .records = {{"removed", "later"}}});
      },
      [](KeeperHarness& keeper) {
        return Edit(keeper, {.kind = PoolEdit::Kind::kUpsert, .records = {{"edited", "again"}}});
      },
      [](KeeperHarness& keeper) {
        keeper.directory.AppendBytes(RawRecord(kMovedKey, "to where a removed one was"));
        return Acted();
      },
      [](KeeperHarness& keeper) {
        return Edit(keeper, {.kind = PoolEdit::Kind::kRemove, .keys = {"removed"}});
      },
      [](KeeperHarness& keeper) {
        keeper.directory.Write(Before() +
                               keeper.directory.Bytes().substr((kForeign + 3) * kRecordBytes));
        return Acted();
      },
      [](KeeperHarness& keeper) { return keeper->Append({Entry("last", Level::kError)}); },
      [](KeeperHarness& keeper) { return keeper->Sync(); },
  };
}

// Runs the scenario; each step that fails is repeated once the fault is over. Returns the errors.
std::vector<std::string> Play(KeeperHarness& keeper) {
  std::vector<std::string> errors;
  keeper.directory.Write(Before());
  for (const Step& step : Scenario()) {
    absl::Status status = step(keeper);
    for (int i = 0; !status.ok() && i < 5; ++i) {
      errors.emplace_back(status.message());
      status = step(keeper);
    }
    EXPECT_TRUE(status.ok()) << status;
  }
  return errors;
}

std::vector<std::string> SortedOwn(const KeeperHarness& keeper) {
  std::vector<std::string> texts = keeper.texts();
  EXPECT_EQ(keeper.directory.Bytes().size() % kRecordBytes, 0u);
  EXPECT_EQ(keeper.directory.Bytes().substr(0, kForeign * kRecordBytes), Foreign(kForeign));
  texts.erase(texts.begin(), texts.begin() + kForeign);
  std::sort(texts.begin(), texts.end());
  return texts;
}

// What only one of them holds.
std::vector<std::string> Difference(const std::vector<std::string>& a,
                                    const std::vector<std::string>& b) {
  std::vector<std::string> difference;
  std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(),
                                std::back_inserter(difference));
  return difference;
}

struct Fault {
  Call call;
  int error;
  size_t reports = 1;
  int repeat = 1;
  int stride = 1;  // which of the calls, where another error of the same call has had them all
};

// Calls in the two seconds of one wait, and a few of the next.
constexpr int kLockTimeout = 410;

std::string FaultName(const Fault& fault) {
  static constexpr const char* kNames[kCallKinds] = {
      "Open",      "Stat",         "Fstat", "Flock",     "OfdLock",
      "Fallocate", "PwriteWithin", "Pread", "Ftruncate", "Fdatasync"};
  return absl::StrCat(kNames[static_cast<size_t>(fault.call)], ::strerrorname_np(fault.error));
}

class PoolFaultsTest : public ::testing::TestWithParam<Fault> {};

TEST_P(PoolFaultsTest, LosesNothingWhicheverCallFails) {
  const Fault fault = GetParam();
  KeeperHarness undisturbed;
  ASSERT_THAT(Play(undisturbed), IsEmpty());
  const int calls = undisturbed.syscalls.count(fault.call);
  ASSERT_GT(calls, 0);
  for (int nth = 1; nth <= calls; nth += fault.stride) {
    SCOPED_TRACE(nth);
    KeeperHarness keeper;
    keeper.syscalls.Fail(fault.call, fault.error, nth, fault.repeat);
    const std::vector<std::string> errors = Play(keeper);
    // At the end of a session an fstat only tells the next one how closely to look.
    if (fault.call != Call::kFstat || !errors.empty()) {
      EXPECT_EQ(errors.size(), fault.reports);
    }
    for (const std::string& error : errors) EXPECT_THAT(error, HasSubstr(keeper.directory.pool()));
    EXPECT_THAT(Difference(SortedOwn(keeper), SortedOwn(undisturbed)), IsEmpty());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Calls, PoolFaultsTest,
    ::testing::Values(Fault{Call::kOpen, EIO}, Fault{Call::kOpen, ENOENT},
                      Fault{Call::kOpen, EINTR, 0}, Fault{Call::kStat, EIO},
                      Fault{Call::kStat, ENOENT, 0}, Fault{Call::kFstat, EIO},
                      Fault{Call::kFlock, EWOULDBLOCK, 1, kLockTimeout, 4},
                      Fault{Call::kFlock, ENOLCK}, Fault{Call::kFlock, EINTR, 0, 1, 4},
                      Fault{Call::kOfdLock, EAGAIN, 1, kLockTimeout, 4},
                      Fault{Call::kOfdLock, ENOLCK}, Fault{Call::kOfdLock, EINTR, 0, 1, 4},
                      Fault{Call::kFallocate, ENOSPC}, Fault{Call::kFallocate, EDQUOT, 1, 1, 3},
                      Fault{Call::kFallocate, EIO, 1, 1, 3},
                      Fault{Call::kFallocate, EINTR, 0, 1, 3}, Fault{Call::kPwrite, ENOSPC},
                      Fault{Call::kPwrite, EDQUOT, 1, 1, 4}, Fault{Call::kPwrite, EIO, 1, 1, 4},
                      Fault{Call::kPwrite, EFAULT, 1, 1, 4}, Fault{Call::kPwrite, EINTR, 0, 1, 4},
                      Fault{Call::kPread, EIO}, Fault{Call::kPread, EINTR, 0, 1, 8},
                      Fault{Call::kFtruncate, EIO}, Fault{Call::kFtruncate, EINTR, 0},
                      Fault{Call::kFdatasync, EIO}, Fault{Call::kFdatasync, EINTR, 0}),
    [](const auto& info) { return FaultName(info.param); });

struct Shortage {
  Call call;
  size_t bytes;
  int stride = 1;  // which of the calls, where another size has had them all
};

class PoolShortWritesTest : public ::testing::TestWithParam<Shortage> {};

TEST_P(PoolShortWritesTest, LosesNothingWhereverAWriteFallsShort) {
  const Shortage shortage = GetParam();
  KeeperHarness undisturbed;
  ASSERT_THAT(Play(undisturbed), IsEmpty());
  int fell_short = 0;
  for (int nth = 1; nth <= undisturbed.syscalls.count(shortage.call); nth += shortage.stride) {
    SCOPED_TRACE(nth);
    KeeperHarness keeper;
    keeper.syscalls.FallShort(shortage.call, shortage.bytes, nth);
    const std::vector<std::string> errors = Play(keeper);
    // The rest of an overwrite follows by itself.
    const bool reported = shortage.call == Call::kFallocate && keeper.syscalls.fell_short() > 0;
    EXPECT_EQ(errors.size(), reported ? 1u : 0u);
    for (const std::string& error : errors) EXPECT_THAT(error, HasSubstr(keeper.directory.pool()));
    EXPECT_THAT(Difference(SortedOwn(keeper), SortedOwn(undisturbed)), IsEmpty());
    fell_short += keeper.syscalls.fell_short();
  }
  EXPECT_GT(fell_short, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Writes, PoolShortWritesTest,
    ::testing::Values(Shortage{Call::kFallocate, 1}, Shortage{Call::kFallocate, 1536},
                      Shortage{Call::kFallocate, 2560}, Shortage{Call::kFallocate, 2561},
                      Shortage{Call::kPwrite, 1, 4}, Shortage{Call::kPwrite, 1536},
                      Shortage{Call::kPwrite, 2560}, Shortage{Call::kPwrite, 2561}),
    [](const auto& info) {
      return absl::StrCat(info.param.call == Call::kFallocate ? "Fallocate" : "PwriteWithin",
                          info.param.bytes);
    });

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
      KeeperHarness keeper(directory, PoolSyscalls::System());
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
    KeeperHarness keeper(directory, PoolSyscalls::System());
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
  KeeperHarness keeper(directory, PoolSyscalls::System());
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
