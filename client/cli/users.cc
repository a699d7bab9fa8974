#include "client/cli/users.h"

#include <charconv>
#include <fstream>

namespace sluice::cli {
namespace {

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

}  // namespace

std::optional<uint32_t> ParseUser(std::string_view text, const std::string& file) {
  if (const auto number = ParseNumber(text)) return number;
  const auto user = FindUser(file, [&](const User& one) { return one.name == text; });
  return user ? std::optional(user->uid) : std::nullopt;
}

std::string UserName(uint32_t uid, const std::string& file) {
  const auto user = FindUser(file, [&](const User& one) { return one.uid == uid; });
  return user ? user->name : std::to_string(uid);
}

}  // namespace sluice::cli
