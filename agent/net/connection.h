// What services see of an accepted connection.
#pragma once

#include <cstdint>
#include <utility>

#include "absl/strings/string_view.h"
#include "agent/identity/peer.h"

namespace sluice::net {

// Outlives its calls.
class Connection {
 public:
  Connection(uint64_t id, Peer peer) : id_(id), peer_(std::move(peer)) {}
  virtual ~Connection() = default;

  // Never used again by the same server.
  uint64_t id() const { return id_; }
  const Identity& identity() const { return peer_.identity; }
  uid_t uid() const { return peer_.identity.uid; }
  // Root of this host, outside containers, when the connection was accepted.
  bool is_host_root() const { return peer_.is_host_root; }
  // -1: none. The connection keeps it; dup it for a watch that lives longer.
  int pidfd() const { return peer_.pidfd.get(); }

  // Ends the connection at the end of this turn: its calls are cancelled. Counted as `net.closed`
  // with `reason`, a stable word in snake_case.
  virtual void Close(absl::string_view reason) = 0;

 private:
  const uint64_t id_;
  const Peer peer_;
};

}  // namespace sluice::net
