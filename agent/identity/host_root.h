// Who may do what only this host's root may, such as change what the host and Azure act upon: uid 0
// outside containers.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "agent/identity/identity.h"

namespace sluice::net {

struct HostRootVerdict {
  // A word for counters, `not_root` or `container`; empty: the peer may.
  std::string reason;
  // PERMISSION_DENIED, in words for the peer.
  absl::Status status;

  bool ok() const { return reason.empty(); }
};

// As of now, by /proc, of which it reads five files for uid 0: ask once for a connection or a call,
// never for a record. A peer that is gone may not. Thread-safe.
HostRootVerdict JudgeHostRoot(const Identity& peer);

}  // namespace sluice::net
