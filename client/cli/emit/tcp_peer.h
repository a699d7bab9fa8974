// Whose a TCP connection over IPv4 loopback is, as the kernel tells.
#pragma once

#include <sys/types.h>

#include <optional>

namespace sluice::cli {

// The user who made the socket at the other end of `connection`, which is an accepted one and stays
// open meanwhile; right also where that end has sent everything and is gone. nullopt: the kernel
// does not know it any more, or does not tell.
std::optional<uid_t> PeerUid(int connection);

}  // namespace sluice::cli
