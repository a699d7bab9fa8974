#include "client/cli/emit/auto_tree.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iterator>

#include "client/cli/verb.h"

namespace sluice::cli {
namespace {

// An agent that hangs does not keep the caller longer.
constexpr const char* kTimeout = "2s";

}  // namespace

void ShowTreeOf(const std::string& socket, const SpanId& span) {
  // The tree is drawn by protobuf's messages, which the wrapper does without; a tree is wanted of
  // commands that took seconds.
  const std::string id = span.ToHex();
  const char* const words[] = {"sluice",       "tree",      id.c_str(), "--socket",
                               socket.c_str(), "--timeout", kTimeout,   nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, "/proc/self/exe", &actions, nullptr,
                                const_cast<char* const*>(words), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return Note(std::string("cannot show the tree: ") + std::strerror(error));
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace sluice::cli
