// The sockets that systemd listens on for us (sd_listen_fds(3): LISTEN_PID, LISTEN_FDS and
// LISTEN_FDNAMES; descriptors from 3 on).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/base/unique_fd.h"

namespace sluice::net {

// By FileDescriptorName=, e.g. `ingest`.
using ActivatedSockets = std::map<std::string, UniqueFd, std::less<>>;

// Takes ownership of the passed descriptors, makes them close-on-exec and non-blocking, and unsets
// the three variables, so that no child takes them for its own. Call once, before threads start.
// Empty when nothing was passed to this process. Error: the variables are malformed, a name comes
// twice, or a descriptor is not a listening Unix stream socket.
absl::StatusOr<ActivatedSockets> TakeActivatedSockets();

}  // namespace sluice::net
