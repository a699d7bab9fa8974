// Every system call of the store fails in turn, or a write falls short: nothing acknowledged is
// lost, the file stays aligned, others' records stay as they are, and each failure is reported
// once, with its path.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/kvp/pool_scenario.h"

namespace sluice::kvp {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

}  // namespace
}  // namespace sluice::kvp
