// Values of flags that several looking verbs take.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/cli/exit_code.h"
#include "client/cli/users.h"
#include "sluice/v1/record.pb.h"

namespace sluice::cli {

// Nanoseconds since the Unix epoch; when.h says what is taken.
Result<uint64_t> MomentFlag(const std::string& flag, const std::string& text, uint64_t now);

// A user's number, or name.
Result<uint32_t> UserFlag(const std::string& text, Users* users);

// Sets of a request what --since, --until and --uid say: `flags` has them as `since`, `until` and
// `user`, empty where they are not given. nullopt: done; else what is wrong with one.
template <typename Flags, typename Request>
std::optional<Failure> SelectByTimeAndUser(const Flags& flags, uint64_t now, Users* users,
                                           Request* request) {
  if (!flags.since.empty()) {
    const Result<uint64_t> since = MomentFlag("--since", flags.since, now);
    if (!since.ok()) return since.failure();
    request->set_since_unix_nano(*since);
  }
  if (!flags.until.empty()) {
    const Result<uint64_t> until = MomentFlag("--until", flags.until, now);
    if (!until.ok()) return until.failure();
    request->set_until_unix_nano(*until);
  }
  if (!flags.user.empty()) {
    const Result<uint32_t> uid = UserFlag(flags.user, users);
    if (!uid.ok()) return uid.failure();
    request->set_uid(*uid);
  }
  return std::nullopt;
}

// `error`, `warn`, `info`, `debug`, `trace` and, as journalctl takes them, `err`, `warning`,
// `notice` and the like, or syslog's numbers: 0 to 3 are error, 4 is warn, 5 and 6 are info, 7 is
// debug.
Result<v1::Level> LevelFlag(const std::string& text);

// As journalctl takes it: `.service` may be left out.
std::string UnitName(const std::string& typed);

}  // namespace sluice::cli
