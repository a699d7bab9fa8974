#include "client/cli/emit/child_process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace sluice::cli {
namespace {

// What would end this process and leave the command alone, and what a program may have a use for.
// Not here: what cannot be caught, tells of a fault of this process's own, or stops and continues.
constexpr std::array kForwarded = {SIGHUP,  SIGINT,   SIGQUIT, SIGTERM,   SIGUSR1,
                                   SIGUSR2, SIGWINCH, SIGALRM, SIGIO,     SIGPWR,
                                   SIGPROF, SIGXCPU,  SIGXFSZ, SIGSTKFLT, SIGVTALRM};

std::vector<char*> PointersTo(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Both ends are closed by exec.
struct Pipe {
  int reader = -1;
  int writer = -1;

  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    Close(&reader);
    Close(&writer);
  }
  // False: errno says why.
  bool Open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    reader = ends[0];
    writer = ends[1];
    return true;
  }
  static void Close(int* end) {
    if (*end >= 0) close(*end);
    *end = -1;
  }
};

void WriteInt(int fd, int value) {
  [[maybe_unused]] const ssize_t written = write(fd, &value, sizeof(value));
}

// False: the other end was closed.
bool ReadInt(int fd, int* value) {
  ssize_t got;
  do {
    got = read(fd, value, sizeof(*value));
  } while (got < 0 && errno == EINTR);
  return got == sizeof(*value);
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

int ChildProcess::Execute(int gate, char* const* command, char* const* environment) const {
  int opened;
  if (!ReadInt(gate, &opened)) return ECANCELED;  // the wrapper is gone
  sigaction(SIGCHLD, &old_sigchld_, nullptr);
  sigprocmask(SIG_SETMASK, &old_mask_, nullptr);
  execvpe(command[0], command, environment);
  return errno;
}

int ChildProcess::Start(const std::vector<std::string>& command,
                        const std::vector<std::string>& environment,
                        const std::function<void(pid_t)>& before_exec) {
  const std::vector<char*> argv = PointersTo(command);
  const std::vector<char*> envp = PointersTo(environment);
  Pipe gate;
  Pipe exec_error;
  if (!gate.Open() || !exec_error.Open()) return errno;

  sigemptyset(&handled_);
  for (const int signal : kForwarded) sigaddset(&handled_, signal);
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) sigaddset(&handled_, signal);
  sigaddset(&handled_, SIGCHLD);
  sigprocmask(SIG_BLOCK, &handled_, &old_mask_);
  // Where SIGCHLD is ignored, the kernel reaps and keeps no exit status.
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &by_default, &old_sigchld_);

  pid_ = fork();
  if (pid_ < 0) return errno;
  if (pid_ == 0) {
    Pipe::Close(&gate.writer);
    const int error = Execute(gate.reader, argv.data(), envp.data());
    WriteInt(exec_error.writer, error);
    _exit(ExitCodeOfExecError(error));
  }
  if (before_exec) before_exec(pid_);
  WriteInt(gate.writer, 0);
  Pipe::Close(&exec_error.writer);
  int error;
  if (!ReadInt(exec_error.reader, &error)) return 0;  // closed by exec
  waitpid(pid_, nullptr, 0);
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
