#include "agent/identity/process_watch.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/fake_clock.h"

namespace sluice::net {
namespace {

constexpr uint64_t kSecondNanos = 1'000'000'000;

class ProcessWatchTest : public ::testing::Test {
 protected:
  void Start(const ProcessKey& process, UniqueFd pidfd = UniqueFd()) {
    watch_ = ProcessWatch::Start(loop_.get(), process, std::move(pidfd), [this](const auto& cause) {
      ++calls_;
      cause_ = cause;
      watch_.reset();
    });
  }

  FakeClock clock_;
  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create(clock_);
  std::unique_ptr<ProcessWatch> watch_;
  int calls_ = 0;
  std::string cause_;
};

// Whether this kernel tells how a process ended.
bool KernelTellsExit() {
  static const bool tells = [] {
    FakeClock clock;
    const auto loop = *EventLoop::Create(clock);
    Child child(7);
    std::string cause;
    const auto watch =
        ProcessWatch::Start(loop.get(), child.key(), UniqueFd(), [&](const auto& c) { cause = c; });
    child.Exit();
    child.AwaitExit();
    child.Reap();
    loop->RunOnce(10'000);
    return cause == "exit code 7";
  }();
  return tells;
}

TEST_F(ProcessWatchTest, TellsTheExitCode) {
  if (!KernelTellsExit()) GTEST_SKIP() << "needs Linux 6.15";
  Child child(3);
  Start(child.key());
  loop_->RunOnce(0);
  EXPECT_EQ(calls_, 0);
  child.Exit();
  child.AwaitExit();
  child.Reap();
  loop_->RunOnce(10'000);
  EXPECT_EQ(cause_, "exit code 3");
  EXPECT_EQ(calls_, 1);
}

TEST_F(ProcessWatchTest, TellsTheSignalOnceTheProcessIsReaped) {
  if (!KernelTellsExit()) GTEST_SKIP() << "needs Linux 6.15";
  Child child(0);
  Start(child.key());
  child.Kill(SIGKILL);
  child.AwaitExit();
  loop_->RunOnce(10'000);
  EXPECT_EQ(calls_, 0);
  child.Reap();
  loop_->RunOnce(10'000);
  EXPECT_EQ(cause_, "signal 9 (SIGKILL)");
}

TEST_F(ProcessWatchTest, KnowsWhenTheProcessDiedThoughNobodyReapedIt) {
  Child child(0);
  Start(child.key());
  loop_->RunOnce(0);
  EXPECT_EQ(watch_->died_boot_nano(), 0u);
  clock_.now += kSecondNanos;
  child.Kill(SIGKILL);
  child.AwaitExit();
  loop_->RunOnce(10'000);
  EXPECT_EQ(watch_->died_boot_nano(), clock_.now);
}

TEST_F(ProcessWatchTest, DoesNotKnowWhenOneDiedThatWasDeadBefore) {
  Child child(0);
  child.Kill(SIGKILL);
  child.AwaitExit();
  Start(child.key());
  loop_->RunOnce(0);
  EXPECT_EQ(watch_->died_boot_nano(), 0u);
  child.Reap();
}

TEST_F(ProcessWatchTest, GivesUpOnTheCauseWhenNobodyReapsForASecond) {
  Child child(3);
  Start(child.key());
  child.Exit();
  child.AwaitExit();
  loop_->RunOnce(10'000);
  clock_.now += kSecondNanos;
  loop_->RunOnce(0);
  EXPECT_EQ(cause_, "process gone");
  EXPECT_EQ(calls_, 1);
}

TEST_F(ProcessWatchTest, ReportsAProcessThatWasGoneBeforeButNotFromWithinStart) {
  Child child(0);
  const ProcessKey key = child.key();
  child.Exit();
  child.Reap();
  Start(key);
  EXPECT_EQ(calls_, 0);
  loop_->RunOnce(0);
  loop_->RunOnce(0);
  EXPECT_EQ(cause_, "process gone");
  EXPECT_EQ(calls_, 1);
}

TEST_F(ProcessWatchTest, IsNotFooledByALaterProcessWithTheSamePid) {
  Child child(0);
  ProcessKey earlier = child.key();
  --earlier.start_time_ticks;
  Start(earlier);
  loop_->RunOnce(0);
  EXPECT_EQ(cause_, "process gone");
}

TEST_F(ProcessWatchTest, UsesTheGivenPidfdWhateverThePidIsNow) {
  Child child(0);
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child.key().pid, 0)));
  ASSERT_TRUE(pidfd);
  Start({.pid = 0, .start_time_ticks = 0}, std::move(pidfd));
  loop_->RunOnce(0);
  EXPECT_EQ(calls_, 0);
  child.Exit();
  child.AwaitExit();
  child.Reap();
  loop_->RunOnce(10'000);
  EXPECT_EQ(calls_, 1);
}

TEST_F(ProcessWatchTest, SaysNothingOfAProcessNothingIsKnownOf) {
  Start({.pid = 0, .start_time_ticks = 0});
  clock_.now += 100 * kSecondNanos;
  loop_->RunOnce(0);
  EXPECT_EQ(calls_, 0);
}

TEST_F(ProcessWatchTest, IsSilentOnceDestroyed) {
  Child child(0);
  Start(child.key());
  watch_.reset();
  child.Exit();
  child.AwaitExit();
  child.Reap();
  loop_->RunOnce(0);
  EXPECT_EQ(calls_, 0);
}

TEST(FormatExitCauseTest, NamesCodesAndSignals) {
  EXPECT_EQ(FormatExitCause(0), "exit code 0");
  EXPECT_EQ(FormatExitCause(255 << 8), "exit code 255");
  EXPECT_EQ(FormatExitCause(SIGSEGV | 0x80), "signal 11 (SIGSEGV)");
  EXPECT_EQ(FormatExitCause(40), "signal 40");
  EXPECT_EQ(FormatExitCause(0x137f), "process gone");
}

}  // namespace
}  // namespace sluice::net
