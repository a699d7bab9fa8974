// How many connections there are, in all and by uid, and each uid's share of a turn of the loop.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "agent/net/grpc_server.h"

namespace sluice::net {

class ConnectionTally {
 public:
  explicit ConnectionTally(const GrpcServer::Limits& limits) : limits_(limits) {}

  // Null: counted, and Leave is due when it ends. Else the word for the limit that is reached.
  const char* Admit(uid_t uid);
  void Leave(uid_t uid);

  // How many of the uid's connections want to read in a turn, by the last turn and this one, the
  // caller's included: what one of them takes at once is divided by it, so that many connections
  // give a uid no more of the loop than one. `turn` is any number that differs from turn to turn.
  size_t ShareRead(uid_t uid, uint64_t turn);

 private:
  struct OfUid {
    size_t connections = 0;
    uint64_t turn = 0;
    size_t reads = 0;
    size_t reads_before = 0;
  };

  size_t LimitOf(uid_t uid) const;

  const GrpcServer::Limits limits_;
  size_t connections_ = 0;
  absl::flat_hash_map<uid_t, OfUid> uids_;
};

}  // namespace sluice::net
