// Which processes speak to the agent, and by what: for `sluice status`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/identity/identity.h"

namespace sluice::net {

// Of processes with a User-Agent that is not ours, and of those that tried TLS, the last ones.
// Belongs to the loop's thread.
class PeerTable {
 public:
  static constexpr size_t kPeersPerUser = 16;
  static constexpr size_t kPeers = 512;

  struct Peer {
    Identity identity;
    std::string protocol;
    std::string user_agent;  // UTF-8
    uint64_t connections = 0;
    uint64_t last_unix_nano = 0;
  };

  // A connection of that process has shown what it speaks: `HTTP/2`, `HTTP/1.1`, `TLS`.
  void Note(const Identity& identity, std::string_view protocol, std::string_view user_agent,
            uint64_t unix_nano);
  // The oldest first; of all users, or of one.
  std::vector<Peer> Copy(std::optional<uid_t> only_uid) const;

 private:
  void MakeRoom(uid_t uid);

  std::vector<Peer> peers_;  // by the time of their last connection
};

}  // namespace sluice::net
