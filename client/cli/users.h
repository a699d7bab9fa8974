// Names of users: out of /etc/passwd and, where that lacks one, from `getent`, which asks whatever
// the machine takes users from. The tool is linked statically and cannot ask the C library itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "client/cli/options.h"

namespace sluice::cli {

// Where names come from.
struct UserSources {
  std::string passwd = "/etc/passwd";            // empty: no names are known
  std::string getent = "getent";                 // empty: it is not asked
  std::chrono::milliseconds getent_limit{2000};  // for all questions together
};

// Of whose journal is looked at: this machine's, those of the system at --root, or none, because
// nobody knows whose users a journal's are that --journal names.
UserSources UsersOf(const GlobalOptions& options);

// Owned by one thread.
class Users {
 public:
  explicit Users(UserSources sources)
      : sources_(std::move(sources)), left_(sources_.getent_limit) {}

  // A number, or a name. nullopt: no such user.
  std::optional<uint32_t> Find(std::string_view text);

  // The name, or the number where it has none.
  std::string NameOf(uint32_t uid);

 private:
  std::string LookUp(uint32_t uid);
  std::string Ask(const std::string& key);

  const UserSources sources_;
  std::map<uint32_t, std::string> names_;  // that were looked up
  std::chrono::nanoseconds left_;
};

}  // namespace sluice::cli
