// Whether a Unix endpoint is this agent: an agent that exports to itself would loop for ever.
#pragma once

#include <string>

namespace sluice::otlp {

// Two signs, since neither sees all: the kernel names as the peer whoever called listen(2), a
// service manager with socket activation; and a socket that was moved after bind(2) has another
// path.

// Whether `path` is, by device and inode, what a socket of this process listens on.
bool IsOwnSocket(const std::string& path);

// Whether this process listens at the other end of a connected Unix socket.
bool HasOwnPeer(int socket);

}  // namespace sluice::otlp
