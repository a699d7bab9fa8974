#include "client/cli/look/filter_flags.h"

#include "client/cli/when.h"

namespace sluice::cli {

Result<uint64_t> MomentFlag(const std::string& flag, const std::string& text, uint64_t now) {
  if (const auto moment = ParseMoment(text, now)) return *moment;
  return Failure{kExitUsage, "invalid " + flag + " '" + text +
                                 "': expected '2026-11-20 09:27', '10 min ago', today or "
                                 "yesterday"};
}

Result<uint32_t> UserFlag(const std::string& text) {
  if (const auto uid = ParseUser(text)) return *uid;
  return Failure{kExitUsage, "unknown user '" + text + "' in /etc/passwd; write the number"};
}

std::string UnitName(const std::string& typed) {
  return typed.empty() || typed.find('.') != std::string::npos ? typed : typed + ".service";
}

}  // namespace sluice::cli
