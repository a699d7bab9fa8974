#include "agent/sinks/kvp/pool_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>

#include <csignal>

#include "proto/kvp/syscalls_system.h"
#include "tests/support/kvp/faulty_syscalls.h"
#include "tests/support/kvp/pool_directory.h"

namespace sluice::kvp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PoolFileTest : public ::testing::Test {
 protected:
  PoolFileTest() : file_({.path = directory_.pool(), .syscalls = &syscalls_}) {}

  absl::Status Append(std::string_view records) {
    absl::StatusOr<PoolFile::Session> session = file_.Lock();
    if (!session.ok()) return session.status();
    return session->Append(records);
  }

  // Another program's descriptor with a lock of one kind.
  UniqueFd HoldFlock() {
    UniqueFd fd(::open(directory_.pool().c_str(), O_RDWR | O_CREAT, 0644));
    EXPECT_EQ(::flock(fd.get(), LOCK_EX), 0);
    return fd;
  }
  UniqueFd HoldOfdLock() {
    UniqueFd fd(::open(directory_.pool().c_str(), O_RDWR | O_CREAT, 0644));
    EXPECT_EQ(SystemSyscalls()->OfdSetLock(fd.get(), F_WRLCK), 0);
    return fd;
  }

  PoolDirectory directory_;
  FaultySyscalls syscalls_;
  PoolFile file_;
};

TEST_F(PoolFileTest, CreatesTheFileAndAppendsToIt) {
  ASSERT_TRUE(Append(RawRecord("a", "1")).ok());
  ASSERT_TRUE(Append(RawRecord("b", "2") + RawRecord("c", "3")).ok());
  EXPECT_EQ(directory_.Bytes(), RawRecord("a", "1") + RawRecord("b", "2") + RawRecord("c", "3"));
  EXPECT_EQ(syscalls_.count(Call::kFallocate), 2);
  EXPECT_EQ(file_.lock_hold_times().count(), 2u);
}

TEST_F(PoolFileTest, LeavesAMissingDirectoryAlone) {
  PoolFile file({.path = directory_.file("missing/pool"), .syscalls = &syscalls_});
  const absl::Status status = file.Lock().status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(directory_.file("missing/pool")));
}

TEST_F(PoolFileTest, CreatesNothingWhenToldSo) {
  PoolFile file({.path = directory_.pool(), .create = false, .syscalls = &syscalls_});
  EXPECT_TRUE(absl::IsNotFound(file.Lock().status()));
  EXPECT_FALSE(std::filesystem::exists(directory_.pool()));
}

TEST_F(PoolFileTest, DoesNotFollowALink) {
  directory_.Write("");
  ASSERT_EQ(::symlink(directory_.pool().c_str(), directory_.file("link").c_str()), 0);
  PoolFile file({.path = directory_.file("link"), .syscalls = &syscalls_});
  EXPECT_FALSE(file.Lock().ok());
}

TEST_F(PoolFileTest, RefusesWhatIsNoRegularFile) {
  ASSERT_EQ(::mkfifo(directory_.pool().c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(file_.Lock().status()));
}

TEST_F(PoolFileTest, KeepsTheModeOfAnExistingFile) {
  directory_.Write("");
  ASSERT_EQ(::chmod(directory_.pool().c_str(), 0600), 0);
  ASSERT_TRUE(Append(RawRecord("a", "1")).ok());
  struct stat status {};
  ASSERT_EQ(::stat(directory_.pool().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(PoolFileTest, CutsATornTailBeforeItWrites) {
  for (const size_t tail : {size_t{1}, size_t{100}, size_t{2559}}) {
    directory_.Write(RawRecord("foreign", "1") + std::string(tail, 'x'));
    ASSERT_TRUE(Append(RawRecord("a", "1")).ok());
    EXPECT_EQ(directory_.Bytes(), RawRecord("foreign", "1") + RawRecord("a", "1")) << tail;
  }
  EXPECT_EQ(file_.torn_tails_repaired(), 3u);
}

TEST_F(PoolFileTest, TakesAShortWriteBack) {
  ASSERT_TRUE(Append(RawRecord("a", "1")).ok());
  syscalls_.FallShort(Call::kFallocate, 2560 + 1536);
  const absl::Status status = Append(RawRecord("b", "2") + RawRecord("c", "3"));
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(directory_.pool()));
  EXPECT_EQ(directory_.Bytes(), RawRecord("a", "1"));
}

TEST_F(PoolFileTest, RollsBackOnAFullFileForReal) {
  ASSERT_TRUE(Append(RawRecord("a", "1")).ok());
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit tight = before;
  tight.rlim_cur = 4096;  // room for 1.6 records
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const absl::Status status = Append(RawRecord("b", "2"));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(directory_.Bytes(), RawRecord("a", "1"));
  ASSERT_TRUE(Append(RawRecord("b", "2")).ok());
  EXPECT_EQ(directory_.Bytes(), RawRecord("a", "1") + RawRecord("b", "2"));
}

TEST_F(PoolFileTest, RollingBackNeverExtendsAFileTruncatedMeanwhile) {
  ASSERT_TRUE(Append(RawRecord("a", "1")).ok());
  syscalls_.Before(Call::kFallocate, [this] { directory_.Write(""); });
  syscalls_.FallShort(Call::kFallocate, 1536);
  EXPECT_FALSE(Append(RawRecord("b", "2")).ok());
  EXPECT_EQ(directory_.Bytes(), "");
  ASSERT_TRUE(Append(RawRecord("b", "2")).ok());
  EXPECT_EQ(directory_.Bytes(), RawRecord("b", "2"));
}

TEST_F(PoolFileTest, ReportsEachWriteErrorWithItsPath) {
  ASSERT_TRUE(Append(RawRecord("a", "1")).ok());
  for (const int error : {ENOSPC, EDQUOT, EIO, EROFS}) {
    syscalls_.Fail(Call::kFallocate, error);
    const absl::Status status = Append(RawRecord("b", "2"));
    EXPECT_THAT(std::string(status.message()), HasSubstr(directory_.pool()));
    EXPECT_THAT(std::string(status.message()), HasSubstr(::strerror(error)));
    EXPECT_EQ(directory_.Bytes(), RawRecord("a", "1"));
  }
}

TEST_F(PoolFileTest, SaysWhenTakingBackFailsToo) {
  ASSERT_TRUE(Append(RawRecord("a", "1")).ok());
  syscalls_.FallShort(Call::kFallocate, 100);
  syscalls_.Fail(Call::kFtruncate, EIO);
  EXPECT_THAT(std::string(Append(RawRecord("b", "2")).message()),
              HasSubstr("taking it back failed"));
  ASSERT_TRUE(Append(RawRecord("b", "2")).ok());  // the tail is cut first
  EXPECT_EQ(directory_.Bytes(), RawRecord("a", "1") + RawRecord("b", "2"));
}

TEST_F(PoolFileTest, GoesOnAfterAnInterruption) {
  for (const Call call : {Call::kOpen, Call::kFlock, Call::kOfdLock, Call::kFallocate}) {
    syscalls_.Fail(call, EINTR);
    EXPECT_TRUE(Append(RawRecord("a", "1")).ok());
    EXPECT_FALSE(syscalls_.pending(call) && call != Call::kOpen);
  }
  EXPECT_EQ(directory_.Bytes().size(), 4 * 2560u);
}

TEST_F(PoolFileTest, OverwritesInPlace) {
  ASSERT_TRUE(Append(RawRecord("a", "1") + RawRecord("b", "2") + RawRecord("c", "3")).ok());
  {
    absl::StatusOr<PoolFile::Session> session = file_.Lock();
    ASSERT_TRUE(session.ok());
    syscalls_.FallShort(Call::kPwrite, 700);  // the rest follows by itself
    EXPECT_TRUE(session->Overwrite(2560, RawRecord("B", "two")).ok());
  }
  EXPECT_THAT(Texts(directory_.Bytes()), ElementsAre("a=1", "B=two", "c=3"));
}

TEST_F(PoolFileTest, LeavesNoHoleInAFileTruncatedUnderItsHands) {
  for (const uint64_t offset : {2560, 2 * 2560}) {
    directory_.Write(RawRecord("a", "1") + RawRecord("b", "2") + RawRecord("c", "3"));
    absl::StatusOr<PoolFile::Session> session = file_.Lock();
    ASSERT_TRUE(session.ok());
    syscalls_.Before(Call::kPwrite, [this] { directory_.Write(""); });
    EXPECT_TRUE(absl::IsAborted(session->Overwrite(offset, RawRecord("B", "two"))));
    EXPECT_EQ(directory_.Bytes(), "") << offset;
    EXPECT_TRUE(session->Append(RawRecord("d", "4")).ok());
    EXPECT_THAT(Texts(directory_.Bytes()), ElementsAre("d=4"));
  }
}

TEST_F(PoolFileTest, AppendingLeavesNoHoleInAFileTruncatedUnderItsHands) {
  for (const Call call : {Call::kFstat, Call::kFallocate, Call::kPwrite}) {
    directory_.Write(RawRecord("a", "1") + RawRecord("b", "2"));
    absl::StatusOr<PoolFile::Session> session = file_.Lock();
    ASSERT_TRUE(session.ok());
    syscalls_.Before(call, [this] { directory_.Write(""); });
    EXPECT_TRUE(absl::IsAborted(session->Append(RawRecord("c", "3"))));
    EXPECT_EQ(directory_.Bytes(), "");
    EXPECT_TRUE(session->Append(RawRecord("d", "4")).ok());
    EXPECT_THAT(Texts(directory_.Bytes()), ElementsAre("d=4"));
  }
}

TEST_F(PoolFileTest, AppendingSparesWhatAProgramWithoutLocksAppendsMeanwhile) {
  directory_.Write(RawRecord("a", "1"));
  syscalls_.Before(Call::kFallocate, [this] { directory_.AppendBytes(RawRecord("foreign", "1")); });
  EXPECT_TRUE(absl::IsAborted(Append(RawRecord("b", "2"))));
  syscalls_.Before(Call::kPwrite, [this] { directory_.AppendBytes(RawRecord("foreign", "2")); });
  EXPECT_TRUE(Append(RawRecord("b", "2")).ok());
  EXPECT_THAT(Texts(directory_.Bytes()), ElementsAre("a=1", "foreign=1", "b=2", "foreign=2"));
}

TEST_F(PoolFileTest, RepairingATailNeverExtendsAFileTruncatedMeanwhile) {
  directory_.Write(RawRecord("a", "1") + "torn");
  syscalls_.Before(Call::kFtruncate, [this] { directory_.Write(""); });
  ASSERT_TRUE(Append(RawRecord("b", "2")).ok());
  EXPECT_THAT(Texts(directory_.Bytes()), ElementsAre("b=2"));
}

TEST_F(PoolFileTest, GivesUpOnALockHeldByOthersAndReleasesTheFirst) {
  {
    const UniqueFd holder = HoldFlock();
    EXPECT_TRUE(absl::IsDeadlineExceeded(file_.Lock().status()));
  }
  {
    const UniqueFd holder = HoldOfdLock();
    EXPECT_TRUE(absl::IsDeadlineExceeded(file_.Lock().status()));
    EXPECT_EQ(::flock(holder.get(), LOCK_EX | LOCK_NB), 0) << "flock must be free again";
  }
  EXPECT_TRUE(file_.Lock().ok());
}

TEST_F(PoolFileTest, WaitsNoLongerThanItsDeadlineForBothLocksTogether) {
  syscalls_.Fail(Call::kFlock, EWOULDBLOCK, 1, 100);
  const UniqueFd holder = HoldOfdLock();
  EXPECT_TRUE(absl::IsDeadlineExceeded(file_.Lock().status()));
  EXPECT_EQ(syscalls_.NowNano(), 2'000'000'000u);
}

TEST_F(PoolFileTest, HoldsBothLocksDuringASession) {
  absl::StatusOr<PoolFile::Session> session = file_.Lock();
  ASSERT_TRUE(session.ok());
  const UniqueFd other(::open(directory_.pool().c_str(), O_RDWR));
  EXPECT_LT(::flock(other.get(), LOCK_EX | LOCK_NB), 0);
  EXPECT_LT(SystemSyscalls()->OfdSetLock(other.get(), F_WRLCK), 0);
  { const PoolFile::Session ended = *std::move(session); }
  EXPECT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), 0);
  EXPECT_EQ(SystemSyscalls()->OfdSetLock(other.get(), F_WRLCK), 0);
}

TEST_F(PoolFileTest, FollowsTheNameToAReplacedFile) {
  ASSERT_TRUE(Append(RawRecord("a", "1")).ok());
  std::filesystem::rename(directory_.pool(), directory_.file("old"));
  directory_.Write(RawRecord("new", "1"));
  ASSERT_TRUE(Append(RawRecord("b", "2")).ok());
  EXPECT_THAT(Texts(directory_.Bytes()), ElementsAre("new=1", "b=2"));
}

TEST_F(PoolFileTest, HasNothingToSyncOfAFileThatWasReplacedByNoneItCanOpen) {
  syscalls_.Before(Call::kStat, [this] {
    std::filesystem::rename(directory_.pool(), directory_.file("old"));
    syscalls_.Fail(Call::kOpen, EIO);
  });
  EXPECT_FALSE(file_.Lock().ok());
  EXPECT_TRUE(file_.Sync().ok());
}

TEST_F(PoolFileTest, CreatesAFileThatWasUnlinked) {
  ASSERT_TRUE(Append(RawRecord("a", "1")).ok());
  std::filesystem::remove(directory_.pool());
  ASSERT_TRUE(Append(RawRecord("b", "2")).ok());
  EXPECT_THAT(Texts(directory_.Bytes()), ElementsAre("b=2"));
}

TEST_F(PoolFileTest, KnowsWhetherOthersWroteInBetween) {
  ASSERT_TRUE(Append(RawRecord("a", "1")).ok());
  EXPECT_TRUE(file_.Lock()->untouched());
  directory_.AppendBytes(RawRecord("foreign", "1"));
  EXPECT_FALSE(file_.Lock()->untouched());
  EXPECT_TRUE(file_.Lock()->untouched());
}

TEST_F(PoolFileTest, SyncsOnceOutsideTheLocks) {
  ASSERT_TRUE(file_.Sync().ok());
  EXPECT_EQ(syscalls_.count(Call::kFdatasync), 0);
  ASSERT_TRUE(Append(RawRecord("a", "1")).ok());
  syscalls_.Fail(Call::kFdatasync, EIO);
  EXPECT_THAT(std::string(file_.Sync().message()), HasSubstr(directory_.pool()));
  const UniqueFd holder = HoldFlock();  // needs no lock
  EXPECT_TRUE(file_.Sync().ok());
  EXPECT_TRUE(file_.Sync().ok());
  EXPECT_EQ(syscalls_.count(Call::kFdatasync), 2);
}

TEST_F(PoolFileTest, ReadsTheWholeFileAndNothingElse) {
  EXPECT_THAT(*file_.ReadAll(), IsEmpty());
  directory_.Write(RawRecord("a", "1") + "torn");
  EXPECT_EQ(*file_.ReadAll(), RawRecord("a", "1") + "torn") << "who reads is to see that it is";
  ASSERT_EQ(::unlink(directory_.pool().c_str()), 0);
  ASSERT_EQ(::mkfifo(directory_.pool().c_str(), 0600), 0);
  EXPECT_THAT(std::string(file_.ReadAll().status().message()), HasSubstr("is no file"));
}

TEST_F(PoolFileTest, ReadingWaitsForWritersAndSharesWithReaders) {
  directory_.Write(RawRecord("a", "1"));
  const UniqueFd holder = HoldFlock();
  EXPECT_TRUE(absl::IsDeadlineExceeded(file_.ReadAll().status()));
  ASSERT_EQ(::flock(holder.get(), LOCK_SH), 0);
  EXPECT_TRUE(file_.ReadAll().ok());
}

}  // namespace
}  // namespace sluice::kvp
