// Messages to systemd's journal with fields, which its stream on stderr cannot carry.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace sluice {

inline constexpr char kJournaldSocket[] = "/run/systemd/journal/socket";

// A record of `FIELD=value` lines. Never waits. False: journald is not there, or does not take it
// now.
bool SendToJournald(const std::string& socket_path, absl::string_view record);

}  // namespace sluice
