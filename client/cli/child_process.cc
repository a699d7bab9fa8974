#include "client/cli/child_process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace sluice::cli {
namespace {

constexpr std::array kForwarded = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};

std::vector<char*> PointersTo(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// The errno that the child wrote; 0 where exec closed the pipe.
int ReadExecError(int fd) {
  int error = 0;
  ssize_t got;
  do {
    got = read(fd, &error, sizeof(error));
  } while (got < 0 && errno == EINTR);
  return got == sizeof(error) ? error : 0;
}

}  // namespace

ChildExit ChildExitFromWaitStatus(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const int signal = WTERMSIG(wait_status);
    return {kExitSignalBase + signal, signal};
  }
  return {WEXITSTATUS(wait_status), 0};
}

int ExitCodeOfExecError(int error) { return error == ENOENT ? kExitNotFound : kExitNotExecutable; }

std::string SignalName(int signal) {
  const char* const name = sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

bool ShouldForward(const siginfo_t& signal) { return signal.si_code != SI_KERNEL; }

int ChildProcess::Execute(char* const* command, char* const* environment) const {
  sigaction(SIGCHLD, &old_sigchld_, nullptr);
  sigprocmask(SIG_SETMASK, &old_mask_, nullptr);
  execvpe(command[0], command, environment);
  return errno;
}

int ChildProcess::Start(const std::vector<std::string>& command,
                        const std::vector<std::string>& environment) {
  const std::vector<char*> argv = PointersTo(command);
  const std::vector<char*> envp = PointersTo(environment);
  int exec_error[2];
  if (pipe2(exec_error, O_CLOEXEC) != 0) return errno;

  sigemptyset(&handled_);
  for (const int signal : kForwarded) sigaddset(&handled_, signal);
  sigaddset(&handled_, SIGCHLD);
  sigprocmask(SIG_BLOCK, &handled_, &old_mask_);
  // Where SIGCHLD is ignored, the kernel reaps and keeps no exit status.
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &by_default, &old_sigchld_);

  pid_ = fork();
  if (pid_ == 0) {
    const int error = Execute(argv.data(), envp.data());
    [[maybe_unused]] const ssize_t told = write(exec_error[1], &error, sizeof(error));
    _exit(ExitCodeOfExecError(error));
  }
  const int fork_error = pid_ < 0 ? errno : 0;
  close(exec_error[1]);
  const int error = pid_ < 0 ? fork_error : ReadExecError(exec_error[0]);
  close(exec_error[0]);
  if (pid_ > 0 && error != 0) waitpid(pid_, nullptr, 0);
  return error;
}

ChildExit ChildProcess::Wait() {
  for (;;) {
    int status = 0;
    const pid_t ended = waitpid(pid_, &status, WNOHANG);
    if (ended == pid_) return ChildExitFromWaitStatus(status);
    siginfo_t signal;
    if (sigwaitinfo(&handled_, &signal) < 0) continue;
    if (signal.si_signo != SIGCHLD && ShouldForward(signal)) kill(pid_, signal.si_signo);
  }
}

}  // namespace sluice::cli
