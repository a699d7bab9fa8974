// One agent at a time in a directory.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/base/file_system.h"

namespace sluice {

// Locks (flock) the directory itself for as long as the descriptor is open, which works on a
// read-only file system too and leaves no file behind. `what` names it for people.
// ALREADY_EXISTS: "another agent holds WHAT PATH".
absl::StatusOr<UniqueFd> HoldDirectory(FileSystem& fs, const std::string& path,
                                       std::string_view what);

}  // namespace sluice
