#include "agent/sinks/kvp/stale.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/kvp/syscalls_system.h"
#include "tests/support/kvp/faulty_syscalls.h"
#include "tests/support/kvp/pool_directory.h"

namespace sluice::kvp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kThisBoot[] = "11111111-1111-4111-8111-111111111111";
constexpr char kOtherBoot[] = "22222222-2222-4222-8222-222222222222";
const absl::Time kBoot = absl::FromUnixSeconds(1'800'000'000);

// It has run for half an hour.
constexpr absl::Duration kUptime = absl::Minutes(30);
const BootFacts kFacts{
    .boot_id = kThisBoot, .boot_time = kBoot, .early_clock = kBoot, .uptime = kUptime};
const BootFacts kPlainFacts{.boot_id = kThisBoot, .boot_time = kBoot, .uptime = kUptime};

TEST(IsStaleTest, NeverWithTheIdOfThisBoot) {
  for (const absl::Duration age : {absl::Hours(-1), absl::Seconds(0), absl::Hours(1000)}) {
    EXPECT_FALSE(IsStale(kThisBoot, kFacts, kBoot - age));
  }
}

TEST(IsStaleTest, WithAnotherBootsIdIfOlderThanThisBoot) {
  EXPECT_TRUE(IsStale(kOtherBoot, kFacts, kBoot - absl::Nanoseconds(1)));
  EXPECT_FALSE(IsStale(kOtherBoot, kFacts, kBoot));
  EXPECT_FALSE(IsStale(kOtherBoot, kFacts, kBoot + absl::Nanoseconds(1)));
}

TEST(IsStaleTest, WithoutAnIdIfNotModifiedAfterTheSecondOfTheBoot) {
  EXPECT_TRUE(IsStale("", kPlainFacts, absl::UnixEpoch()));
  EXPECT_TRUE(IsStale("", kPlainFacts, kBoot));
  EXPECT_TRUE(IsStale("", kPlainFacts, kBoot + absl::Milliseconds(999)));
  EXPECT_FALSE(IsStale("", kPlainFacts, kBoot + absl::Seconds(1)));
}

// Of a machine that knows an earlier boot, and of one that boots for the first time.
constexpr std::string_view kStoredIds[] = {kOtherBoot, ""};

TEST(IsStaleTest, KeepsThisBootsRecordsWhenTheClockWasPutForward) {
  // The boot began with a clock an hour behind; cloud-init wrote; then the clock was set right.
  const absl::Time early = kBoot - absl::Hours(1);
  const BootFacts facts{
      .boot_id = kThisBoot, .boot_time = kBoot, .early_clock = early, .uptime = kUptime};
  for (const std::string_view stored : kStoredIds) {
    EXPECT_FALSE(IsStale(stored, facts, early + absl::Seconds(5)));
    EXPECT_FALSE(IsStale(stored, facts, early + kUptime));
    EXPECT_TRUE(IsStale(stored, facts, kBoot - absl::Hours(2)));
  }
}

TEST(IsStaleTest, ClearsWhatThisBootHasNotLivedLongEnoughToHaveWritten) {
  const absl::Time early = kBoot - absl::Hours(1);
  const BootFacts facts{
      .boot_id = kThisBoot, .boot_time = kBoot, .early_clock = early, .uptime = kUptime};
  for (const std::string_view stored : kStoredIds) {
    EXPECT_TRUE(IsStale(stored, facts, early + kUptime + absl::Seconds(1)));
    EXPECT_TRUE(IsStale(stored, facts, kBoot - absl::Seconds(1)));
    EXPECT_FALSE(IsStale(stored, facts, kBoot + absl::Seconds(1)));
  }
}

TEST(IsStaleTest, KeepsThisBootsRecordsWhenTheClockWasPutBack) {
  const BootFacts facts{.boot_id = kThisBoot,
                        .boot_time = kBoot,
                        .early_clock = kBoot + absl::Hours(1),
                        .uptime = kUptime};
  for (const std::string_view stored : kStoredIds) {
    EXPECT_FALSE(IsStale(stored, facts, kBoot + absl::Hours(1) + absl::Seconds(5)));
    EXPECT_TRUE(IsStale(stored, facts, kBoot - absl::Minutes(10)));
  }
}

TEST(ReadBootFactsTest, KnowsThisMachine) {
  const absl::StatusOr<BootFacts> facts = ReadBootFacts();
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->boot_id.size(), 36u);
  EXPECT_LT(facts->boot_time, absl::Now());
}

timespec BirthOf(const char* path) {
  struct statx status {};
  ::statx(AT_FDCWD, path, 0, STATX_BTIME, &status);
  return {status.stx_btime.tv_sec, status.stx_btime.tv_nsec};
}

// In a mount namespace of its own: a /run, and then a /dev that is younger, as a service has it.
// Returns 0 if ReadBootFacts() tells the time of /run; 2: it cannot be tried here.
int TryPrivateDev() {
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", "/run", "tmpfs", 0, nullptr) != 0) {
    return 2;
  }
  const absl::Time run = absl::TimeFromTimespec(BirthOf("/run"));
  if (run == absl::UnixEpoch()) return 2;
  do {
    ::umount("/dev");
    if (::mount("none", "/dev", "tmpfs", 0, nullptr) != 0) return 2;
  } while (absl::TimeFromTimespec(BirthOf("/dev")) <= run);
  const absl::StatusOr<BootFacts> facts = ReadBootFacts();
  return facts.ok() && facts->early_clock == run ? 0 : 1;
}

TEST(ReadBootFactsTest, IsNotMisledByAPrivateDev) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(TryPrivateDev());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 2) GTEST_SKIP() << "no mount namespace, or no births of files";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

class ClearStalePoolTest : public ::testing::Test {
 protected:
  ClearStalePoolTest() : pool_({.path = directory_.pool(), .syscalls = &syscalls_}) {}

  void WritePool(absl::Time modified) {
    directory_.Write(RawRecord("old", "1") + "torn");
    const timespec time = absl::ToTimespec(modified);
    const timespec times[2] = {time, time};
    ASSERT_EQ(::utimensat(AT_FDCWD, directory_.pool().c_str(), times, 0), 0);
  }

  absl::StatusOr<StaleCheck> Clear(const BootFacts& facts = kFacts) {
    return ClearStalePool(&pool_, directory_.file("boot_id"), facts);
  }

  PoolDirectory directory_;
  FaultySyscalls syscalls_;
  PoolFile pool_;
};

TEST_F(ClearStalePoolTest, EmptiesAnOldPoolAndOnlyOnceABoot) {
  WritePool(kBoot - absl::Hours(1));
  EXPECT_EQ(*Clear(), StaleCheck::kCleared);
  EXPECT_EQ(directory_.Bytes(), "");
  WritePool(kBoot - absl::Hours(1));  // the clock went wrong since
  EXPECT_EQ(*Clear(), StaleCheck::kFresh);
  EXPECT_THAT(Texts(directory_.Bytes()), ElementsAre("old=1"));
}

TEST_F(ClearStalePoolTest, ClearsAgainInTheNextBoot) {
  WritePool(kBoot + absl::Hours(1));
  EXPECT_EQ(*Clear(), StaleCheck::kFresh);
  BootFacts next = kFacts;
  next.boot_id = kOtherBoot;
  next.boot_time = next.early_clock.emplace(kBoot + absl::Hours(2));
  EXPECT_EQ(*Clear(next), StaleCheck::kCleared);
  EXPECT_EQ(directory_.Bytes(), "");
}

TEST_F(ClearStalePoolTest, TakesTheTimeFromBeforeTheTornTailIsCut) {
  WritePool(kBoot - absl::Hours(1));
  EXPECT_EQ(*Clear(), StaleCheck::kCleared) << "cutting the tail makes the file look fresh";
}

TEST_F(ClearStalePoolTest, DecidesUnderBothLocks) {
  WritePool(kBoot - absl::Hours(1));
  const UniqueFd holder(::open(directory_.pool().c_str(), O_RDWR));
  ASSERT_EQ(SystemSyscalls()->OfdSetLock(holder.get(), F_WRLCK), 0);
  EXPECT_TRUE(absl::IsDeadlineExceeded(Clear().status()));
  ASSERT_EQ(SystemSyscalls()->OfdSetLock(holder.get(), F_UNLCK), 0);
  EXPECT_EQ(*Clear(), StaleCheck::kCleared) << "the failed attempt must not count as this boot's";
}

TEST_F(ClearStalePoolTest, WaitsForAPoolAndCreatesNone) {
  EXPECT_EQ(*Clear(), StaleCheck::kNoPool);
  EXPECT_FALSE(std::filesystem::exists(directory_.pool()));
  WritePool(kBoot - absl::Hours(1));
  EXPECT_EQ(*Clear(), StaleCheck::kCleared) << "one that came later is of an earlier boot";
}

TEST_F(ClearStalePoolTest, SaysWhereTheIdCannotBeStored) {
  WritePool(kBoot + absl::Hours(1));
  const absl::Status status =
      ClearStalePool(&pool_, directory_.file("missing/boot_id"), kFacts).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("missing/boot_id"));
}

}  // namespace
}  // namespace sluice::kvp
