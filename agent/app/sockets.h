// The two listening sockets: those that systemd passes, else our own.
#pragma once

#include "absl/status/statusor.h"
#include "agent/config/agent_config.h"
#include "proto/base/unique_fd.h"

namespace sluice::app {

struct Sockets {
  UniqueFd ingest;
  UniqueFd admin;
};

// Call once, before threads start. The admin socket's directory is made private to this user.
absl::StatusOr<Sockets> OpenSockets(const config::SocketConfig& config);

}  // namespace sluice::app
