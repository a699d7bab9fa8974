#include "own_agent.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace {

constexpr std::chrono::milliseconds kLook(10);
constexpr std::chrono::seconds kStart(10);

// In a build the examples lie beside bin/.
std::string BuiltAgent() {
  const auto program = std::filesystem::read_symlink("/proc/self/exe");
  return program.parent_path().parent_path() / "bin/sluiced";
}

[[noreturn]] void BecomeAgent(const std::string& built, const std::string& folder,
                              const std::string& endpoint, bool is_verbose) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (!is_verbose) dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
  const char* const arguments[] = {"sluiced",         "--dev",          folder.c_str(),
                                   "--otlp-endpoint", endpoint.c_str(), nullptr};
  execv(built.c_str(), const_cast<char**>(arguments));
  execvp("sluiced", const_cast<char**>(arguments));
  _exit(127);
}

}  // namespace

OwnAgent::OwnAgent(const std::string& endpoint, bool is_verbose) {
  std::string folder = std::filesystem::temp_directory_path() / "sluice.XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return;
  folder_ = folder;
  const std::string built = BuiltAgent();
  pid_ = fork();
  if (pid_ == 0) BecomeAgent(built, folder_, endpoint, is_verbose);
  setenv("SLUICE_SOCKET", (folder_ / "sluice.sock").c_str(), 1);
  is_up_ = pid_ > 0 && WaitUntilItListens();
}

bool OwnAgent::WaitUntilItListens() const {
  const auto deadline = std::chrono::steady_clock::now() + kStart;
  while (!std::filesystem::exists(folder_ / "sluice.sock")) {
    siginfo_t ended = {};
    waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT);
    if (ended.si_pid == pid_ || std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

OwnAgent::~OwnAgent() {
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}
