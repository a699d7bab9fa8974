// Asks the agent for a flush of its sinks, on the caller's thread and a connection of its own.
#pragma once

#include <chrono>
#include <span>
#include <string>

#include "client/include/sluice/sluice.h"
#include "client/rpc/socket.h"

namespace sluice {

// The arguments of sluice_flush_sinks.
struct SinksFlush {
  std::span<const sluice_text> sinks;
  std::chrono::milliseconds timeout;
  sluice_laggard told;
  void* user;
};

// What sluice_flush_sinks answers, for what the agent has acknowledged already.
int CallFlush(const std::string& socket_path, const SinksFlush& flush,
              rpc::Deadline deadline) noexcept;

}  // namespace sluice
