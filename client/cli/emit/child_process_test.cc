#include "client/cli/emit/child_process.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

namespace sluice::cli {
namespace {

std::vector<std::string> OwnEnvironment() {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  return environment;
}

ChildExit RunShell(const std::string& script) {
  ChildProcess child;
  EXPECT_EQ(child.Start({"sh", "-c", script}, OwnEnvironment()), 0);
  return child.Wait();
}

TEST(ChildProcessTest, ReturnsTheExitCode) {
  EXPECT_EQ(RunShell("exit 0").code, 0);
  EXPECT_EQ(RunShell("exit 42").code, 42);
  EXPECT_EQ(RunShell("exit 255").code, 255);
  EXPECT_EQ(RunShell("exit 42").signal, 0);
}

TEST(ChildProcessTest, TellsTheSignalThatKilledIt) {
  const ChildExit exit = RunShell("kill -KILL $$");
  EXPECT_EQ(exit.code, 128 + SIGKILL);
  EXPECT_EQ(exit.signal, SIGKILL);
}

TEST(ChildProcessTest, TellsWhyACommandDoesNotRun) {
  EXPECT_EQ(ChildProcess().Start({"/nonexistent"}, {}), ENOENT);
  EXPECT_EQ(ChildProcess().Start({"no-such-command-anywhere"}, {}), ENOENT);
  EXPECT_EQ(ChildProcess().Start({"/"}, {}), EACCES);
  EXPECT_EQ(ExitCodeOfExecError(ENOENT), 127);
  EXPECT_EQ(ExitCodeOfExecError(EACCES), 126);
  EXPECT_EQ(ExitCodeOfExecError(ENOEXEC), 126);
}

std::string ProgramOf(pid_t pid) {
  return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe").filename();
}

TEST(ChildProcessTest, ExecutesOnlyAfterTheCall) {
  ChildProcess child;
  pid_t called_with = -1;
  const int error = child.Start({"sleep", "1000"}, OwnEnvironment(), [&](pid_t pid) {
    called_with = pid;
    EXPECT_EQ(ProgramOf(pid), ProgramOf(getpid()));
  });
  ASSERT_EQ(error, 0);
  EXPECT_EQ(called_with, child.pid());
  EXPECT_NE(ProgramOf(child.pid()), ProgramOf(getpid()));
  kill(child.pid(), SIGKILL);
  EXPECT_EQ(child.Wait().signal, SIGKILL);
}

TEST(ChildProcessTest, GivesTheChildItsOwnEnvironment) {
  ChildProcess child;
  ASSERT_EQ(
      child.Start({"/bin/sh", "-c", "test \"$ONLY\" = this && test -z \"$HOME\""}, {"ONLY=this"}),
      0);
  EXPECT_EQ(child.Wait().code, 0);
}

// The line of /proc/self/status that begins with `name`.
std::string OwnStatusLine(const std::string& name) {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line) && !line.starts_with(name)) {
  }
  return line;
}

// Whether a child finds the line in its own /proc/self/status.
bool ChildHasStatusLine(const std::string& line) {
  ChildProcess child;
  EXPECT_EQ(child.Start({"grep", "-qxF", line, "/proc/self/status"}, OwnEnvironment()), 0);
  return child.Wait().code == 0;
}

TEST(ChildProcessTest, LeavesTheChildsSignalsAsTheyWere) {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  struct sigaction action_before {};
  sigaction(SIGCHLD, &ignore, &action_before);
  sigset_t blocked, mask_before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGURG);
  pthread_sigmask(SIG_SETMASK, &blocked, &mask_before);
  const std::string blocked_line = OwnStatusLine("SigBlk:");
  const std::string ignored_line = OwnStatusLine("SigIgn:");

  EXPECT_TRUE(ChildHasStatusLine(blocked_line)) << blocked_line;
  sigaction(SIGCHLD, &ignore, nullptr);
  pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
  EXPECT_TRUE(ChildHasStatusLine(ignored_line)) << ignored_line;

  sigaction(SIGCHLD, &action_before, nullptr);
  pthread_sigmask(SIG_SETMASK, &mask_before, nullptr);
}

TEST(SignalNameTest, IsTheUsualOne) {
  EXPECT_EQ(SignalName(SIGTERM), "SIGTERM");
  EXPECT_EQ(SignalName(63), "signal 63");
}

TEST(ShouldForwardTest, PassesOnWhatProcessesSend) {
  siginfo_t signal{};
  signal.si_signo = SIGINT;
  signal.si_code = SI_USER;
  EXPECT_TRUE(ShouldForward(signal));
  signal.si_code = SI_QUEUE;
  EXPECT_TRUE(ShouldForward(signal));
  signal.si_code = SI_TKILL;
  EXPECT_TRUE(ShouldForward(signal));
}

TEST(ShouldForwardTest, KeepsWhatTheTerminalSentToTheWholeGroup) {
  siginfo_t signal{};
  signal.si_signo = SIGINT;
  signal.si_code = SI_KERNEL;
  EXPECT_FALSE(ShouldForward(signal));
}

}  // namespace
}  // namespace sluice::cli
