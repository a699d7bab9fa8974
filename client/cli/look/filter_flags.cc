#include "client/cli/look/filter_flags.h"

#include <array>
#include <string_view>
#include <utility>

#include "client/cli/when.h"
#include "proto/record/view.h"

namespace sluice::cli {

Result<uint64_t> MomentFlag(const std::string& flag, const std::string& text, uint64_t now) {
  if (const auto moment = ParseMoment(text, now)) return *moment;
  return Failure{kExitUsage, "invalid " + flag + " '" + text +
                                 "': expected '2026-11-20 09:27', '10 min ago', today or "
                                 "yesterday"};
}

Result<uint32_t> UserFlag(const std::string& text, Users* users) {
  if (const auto uid = users->Find(text)) return *uid;
  return Failure{kExitUsage, "unknown user '" + text + "'; write the number"};
}

Result<v1::Level> LevelFlag(const std::string& text) {
  static constexpr std::array<std::pair<std::string_view, v1::Level>, 15> kOthers = {{
      {"emerg", v1::LEVEL_ERROR},
      {"alert", v1::LEVEL_ERROR},
      {"crit", v1::LEVEL_ERROR},
      {"err", v1::LEVEL_ERROR},
      {"0", v1::LEVEL_ERROR},
      {"1", v1::LEVEL_ERROR},
      {"2", v1::LEVEL_ERROR},
      {"3", v1::LEVEL_ERROR},
      {"warning", v1::LEVEL_WARN},
      {"4", v1::LEVEL_WARN},
      {"notice", v1::LEVEL_INFO},
      {"5", v1::LEVEL_INFO},
      {"informational", v1::LEVEL_INFO},
      {"6", v1::LEVEL_INFO},
      {"7", v1::LEVEL_DEBUG},
  }};
  if (const auto level = ParseLevel(text)) return static_cast<v1::Level>(*level);
  for (const auto& [name, level] : kOthers) {
    if (name == text) return level;
  }
  return Failure{kExitUsage, "unknown level '" + text +
                                 "'; use error, warn, info, debug, trace, or syslog's 0 to 7"};
}

std::string UnitName(const std::string& typed) {
  return typed.empty() || typed.find('.') != std::string::npos ? typed : typed + ".service";
}

}  // namespace sluice::cli
