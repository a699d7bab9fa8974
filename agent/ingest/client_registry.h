// The last sequence number journalled for each client, so that a record sent twice is stored once.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "proto/trace/ids.h"

namespace sluice::ingest {

// Keyed by uid as well as by client id: nobody's sequence can be moved on by another user. Owned by
// the ingest thread.
class ClientRegistry {
 public:
  struct Client {
    uint64_t last_sequence = 0;
    // The journal entry that holds it.
    uint64_t journal_sequence = 0;
    // CLOCK_BOOTTIME of the last record or disconnect.
    uint64_t last_seen_boottime_nano = 0;
    int connections = 0;
  };

  // Get, and counts one more connection of it. Disconnect takes that back.
  Client* Connect(uid_t uid, const ClientId& id, uint64_t now_boottime_nano);
  void Disconnect(uid_t uid, const ClientId& id, uint64_t now_boottime_nano);

  // The client's state, made on first sight. When the uid has limits::kDedupClientsPerUid already,
  // the one that is longest gone is forgotten; null where all of them are connected.
  Client* Get(uid_t uid, const ClientId& id, uint64_t now_boottime_nano);

  // Null: never seen, or forgotten.
  const Client* Find(uid_t uid, const ClientId& id) const;

  // Forgets clients that are disconnected for limits::kDedupSeconds.
  void Expire(uint64_t now_boottime_nano);

  void ForEach(const std::function<void(uid_t, const ClientId&, const Client&)>& visit) const;

 private:
  using Clients = absl::flat_hash_map<ClientId, Client>;

  bool ForgetOldest(Clients* clients);

  absl::flat_hash_map<uid_t, Clients> by_uid_;
};

}  // namespace sluice::ingest
