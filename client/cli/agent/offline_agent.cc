#include "client/cli/agent/offline_agent.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "client/rpc/socket.h"
#include "proto/base/unique_fd.h"
#include "proto/record/names.h"

namespace sluice::cli {
namespace {

// Where they are in an image, and below --root.
constexpr std::string_view kJournalBelowRoot = "/var/lib/sluice/journal";
constexpr std::string_view kPoolBelowRoot = "/var/lib/hyperv/.kvp_pool_1";
constexpr size_t kLastLineBytes = 4096;

// SLUICED, else beside this program or where a package puts it, else by PATH.
std::string FindProgram() {
  if (const char* const named = std::getenv("SLUICED"); named != nullptr && *named != '\0') {
    return named;
  }
  std::error_code error;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const auto& path : {own / "sluiced", own / "../sbin/sluiced"}) {
    if (!error && ::access(path.c_str(), X_OK) == 0) return path.string();
  }
  return "sluiced";
}

std::vector<std::string> CommandFor(const GlobalOptions& options) {
  std::vector<std::string> command = {FindProgram()};
  std::string journal = options.journal;
  const bool is_root = !options.root.empty();
  std::error_code error;
  if (is_root && !std::filesystem::is_regular_file(options.root, error)) {
    journal = options.root + std::string(kJournalBelowRoot);
    command.insert(command.end(), {"--kvp-pool", options.root + std::string(kPoolBelowRoot)});
  } else if (is_root) {
    journal = options.root;
  }
  command.insert(command.end(), {"--offline", journal});
  return command;
}

// 0 or an errno. Its stdin is `socket`, and what it has to say goes to `words`.
int Spawn(const std::vector<std::string>& command, int socket, int words) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, words, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, words, STDERR_FILENO);
  pid_t pid = 0;
  const int error =
      ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

// What the last line says that a process wrote which has ended.
std::string LastLine(int words) {
  std::string text(kLastLineBytes, '\0');
  size_t size = 0;
  for (ssize_t got = 1; got > 0 && size < text.size(); size += static_cast<size_t>(got)) {
    got = ::read(words, text.data() + size, text.size() - size);
    if (got < 0) break;
  }
  text.resize(size);
  while (text.ends_with('\n')) text.pop_back();
  const size_t begin = text.rfind('\n') + 1;
  static constexpr std::string_view kPrefix = "sluiced: error: ";
  const size_t prefix = text.compare(begin, kPrefix.size(), kPrefix) == 0 ? kPrefix.size() : 0;
  return text.substr(begin + prefix);
}

}  // namespace

Result<OfflineAgent> StartOfflineAgent(const GlobalOptions& options, rpc::Deadline deadline) {
  int ends[2];
  int pipe[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return Failure{kExitIo, std::string("cannot make a socket: ") + std::strerror(errno)};
  }
  rpc::Socket own(ends[0]);
  UniqueFd others(ends[1]);
  if (::pipe2(pipe, O_CLOEXEC) != 0) {
    return Failure{kExitIo, std::string("cannot make a pipe: ") + std::strerror(errno)};
  }
  const UniqueFd words(pipe[0]);
  UniqueFd others_words(pipe[1]);

  const std::vector<std::string> command = CommandFor(options);
  if (const int error = Spawn(command, others.get(), others_words.get()); error != 0) {
    return Failure{kExitIo, "cannot run " + command.front() + ", which reads journals: " +
                                std::strerror(error) + "; SLUICED may name it"};
  }
  others.reset();
  others_words.reset();
  OfflineAgent agent{rpc::Channel::Create(std::move(own)), command.back()};
  if (agent.channel == nullptr) return Failure{kExitIo, "out of memory"};
  std::string answer;
  const rpc::Status status = agent.channel->Unary(method::kControlStatus, {}, deadline, &answer);
  // Without a journal there is no such question, and the answer says so.
  if (status.ok() || status.outcome == rpc::Outcome::kStatus) return agent;
  if (status.outcome == rpc::Outcome::kTimeout) {
    return Failure{kExitIo, "reading " + agent.name + " takes longer than --timeout"};
  }
  const std::string said = LastLine(words.get());
  return Failure{kExitIo,
                 said.empty() ? command.front() + " ended while it read " + agent.name : said};
}

}  // namespace sluice::cli
