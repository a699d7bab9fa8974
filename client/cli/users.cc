#include "client/cli/users.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <fstream>

#include "proto/base/unique_fd.h"

namespace sluice::cli {
namespace {

using std::chrono::steady_clock;

// More than a line of /etc/passwd ever has.
constexpr size_t kMaxLineBytes = 4096;

constexpr char kRoot[] = "root";  // on every machine

struct User {
  std::string name;
  uint32_t uid = 0;
};

std::optional<uint32_t> ParseNumber(std::string_view text) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// From `name:password:uid:...`.
std::optional<User> ParseLine(const std::string& line) {
  const size_t first = line.find(':');
  const size_t second = line.find(':', first + 1);
  const size_t third = line.find(':', second + 1);
  if (first == 0 || third == std::string::npos) return std::nullopt;
  const auto uid = ParseNumber(std::string_view(line).substr(second + 1, third - second - 1));
  if (!uid) return std::nullopt;
  return User{line.substr(0, first), *uid};
}

template <typename Predicate>
std::optional<User> FindUser(const std::string& file, const Predicate& is_wanted) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    const auto user = ParseLine(line);
    if (user && is_wanted(*user)) return user;
  }
  return std::nullopt;
}

// Starts `getent passwd KEY` with its output in `out`. 0: it did not start.
pid_t StartGetent(const std::string& program, const std::string& key, int out) {
  // A key that begins with a dash is no option.
  const char* const arguments[] = {program.c_str(), "--", "passwd", key.c_str(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, program.c_str(), &actions, nullptr,
                                   const_cast<char* const*>(arguments), environ);
  posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? pid : 0;
}

// What comes until the end of `in`; nullopt: that does not come before `deadline`.
std::optional<std::string> ReadToEnd(int in, steady_clock::time_point deadline) {
  std::string text;
  while (text.size() < kMaxLineBytes) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now());
    pollfd waiting{in, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) {
      return std::nullopt;
    }
    char bytes[512];
    const ssize_t got = ::read(in, bytes, sizeof(bytes));
    if (got <= 0) return text;
    text.append(bytes, static_cast<size_t>(got));
  }
  return text;
}

}  // namespace

UserSources UsersOf(const GlobalOptions& options) {
  if (!options.journal.empty()) return {.passwd = "", .getent = ""};
  if (!options.root.empty()) return {.passwd = options.root + "/etc/passwd", .getent = ""};
  return {};
}

std::optional<uint32_t> Users::Find(std::string_view text) {
  if (const auto number = ParseNumber(text)) return number;
  if (text == kRoot) return 0;
  auto user = FindUser(sources_.passwd, [&](const User& one) { return one.name == text; });
  if (!user) user = ParseLine(Ask(std::string(text)));
  return user ? std::optional(user->uid) : std::nullopt;
}

std::string Users::NameOf(uint32_t uid) {
  if (uid == 0) return kRoot;
  const auto [known, is_new] = names_.try_emplace(uid);
  if (is_new) known->second = LookUp(uid);
  return known->second;
}

std::string Users::LookUp(uint32_t uid) {
  const std::string number = std::to_string(uid);
  auto user = FindUser(sources_.passwd, [&](const User& one) { return one.uid == uid; });
  if (!user) user = ParseLine(Ask(number));
  return user && user->uid == uid ? user->name : number;
}

// The line of /etc/passwd that `getent` gives; empty: none.
std::string Users::Ask(const std::string& key) {
  if (sources_.getent.empty() || key.empty() || left_.count() <= 0) return {};
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  const UniqueFd in(ends[0]);
  UniqueFd out(ends[1]);
  const pid_t pid = StartGetent(sources_.getent, key, out.get());
  out.reset();
  if (pid == 0) return {};
  const auto begin = steady_clock::now();
  const auto text = ReadToEnd(in.get(), begin + left_);
  // It has closed its output and is done, or it hangs.
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  left_ -= steady_clock::now() - begin;
  return text ? text->substr(0, text->find('\n')) : std::string();
}

}  // namespace sluice::cli
