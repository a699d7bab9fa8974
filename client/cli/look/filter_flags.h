// Values of flags that several looking verbs take.
#pragma once

#include <cstdint>
#include <string>

#include "client/cli/exit_code.h"
#include "client/cli/users.h"
#include "sluice/v1/record.pb.h"

namespace sluice::cli {

// Nanoseconds since the Unix epoch; when.h says what is taken.
Result<uint64_t> MomentFlag(const std::string& flag, const std::string& text, uint64_t now);

// A user's number, or name.
Result<uint32_t> UserFlag(const std::string& text);

// `error`, `warn`, `info`, `debug`, `trace` and, as journalctl takes them, `err`, `warning`,
// `notice` and the like, or syslog's numbers: 0 to 3 are error, 4 is warn, 5 and 6 are info, 7 is
// debug.
Result<v1::Level> LevelFlag(const std::string& text);

// As journalctl takes it: `.service` may be left out.
std::string UnitName(const std::string& typed);

}  // namespace sluice::cli
