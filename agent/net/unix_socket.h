// A listening Unix stream socket at a path.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "proto/base/unique_fd.h"

namespace sluice::net {

// Creates the socket file with exactly `mode`, whatever the umask, and never wider in between;
// listens, non-blocking and close-on-exec. The directory must exist; the path may be longer than
// sun_path, its last part not longer than 80 bytes.
//
// A socket that nobody listens on is replaced. Errors: ALREADY_EXISTS where somebody listens,
// FAILED_PRECONDITION where something that is not a socket has the name.
//
// The file stays when the descriptor is closed: whoever starts next replaces it.
absl::StatusOr<UniqueFd> ListenUnix(const std::string& path, mode_t mode);

// Creates `path` with `mode` where it is missing (parents must exist); an existing directory must
// belong to this user and grant nobody else more than `mode` does.
absl::Status EnsurePrivateDirectory(const std::string& path, mode_t mode);

}  // namespace sluice::net
