// Runs one command as a transparent wrapper must: its standard streams, signal mask, dispositions
// and process group are those the wrapper was started with.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "client/cli/exit_code.h"

namespace sluice::cli {

// Conventions of the shell for a command that did not run.
inline constexpr int kExitNotExecutable = 126;
inline constexpr int kExitNotFound = 127;
inline constexpr int kExitSignalBase = 128;

// How a command ended.
struct ChildExit {
  int code = 0;    // what the wrapper returns: the command's own, or kExitSignalBase + signal
  int signal = 0;  // the signal that killed it; 0: none did
};

ChildExit ChildExitFromWaitStatus(int wait_status);
// 127 where the command does not exist, else 126.
int ExitCodeOfExecError(int error);
// `SIGTERM`; `signal 63` where it has no name.
std::string SignalName(int signal);
// A signal that the terminal sent went to the whole foreground group, the child included; passing
// it on would deliver it twice.
bool ShouldForward(const siginfo_t& signal);

// One child. Between Start and the end of Wait the signals that are forwarded, and SIGCHLD, are
// blocked in this process: start threads in before_exec or later, so that they inherit that.
class ChildProcess {
 public:
  ChildProcess() = default;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Runs `command` (argv, not empty), found by PATH, with `environment` (NAME=VALUE each). The
  // process is there, but waits, while `before_exec` is called. Returns 0 when the command runs,
  // else errno of fork or of exec.
  int Start(const std::vector<std::string>& command, const std::vector<std::string>& environment,
            const std::function<void(pid_t)>& before_exec = nullptr);

  // Forwards every signal that may come from elsewhere and can be caught, but for those of job
  // control, until the command ends.
  ChildExit Wait();

  pid_t pid() const { return pid_; }

 private:
  // In the child: waits for a byte from `gate`, takes back what Start changed, and executes.
  // Returns errno.
  int Execute(int gate, char* const* command, char* const* environment) const;

  pid_t pid_ = -1;
  sigset_t handled_;
  sigset_t old_mask_;
  struct sigaction old_sigchld_;
};

}  // namespace sluice::cli
