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
  // the one that is longest gone is forgotten; null where all of them are connected. When all users
  // have limits::kDedupClientsOfUsers, one of the user goes who has the most that are gone.
  Client* Get(uid_t uid, const ClientId& id, uint64_t now_boottime_nano);

  // Null: never seen, or forgotten.
  const Client* Find(uid_t uid, const ClientId& id) const;

  // Forgets clients that are disconnected for limits::kDedupSeconds.
  void Expire(uint64_t now_boottime_nano);

  // Of all uids but 0.
  size_t CountOfUsers() const { return users_; }

  void ForEach(const std::function<void(uid_t, const ClientId&, const Client&)>& visit) const;

 private:
  struct OfUid {
    absl::flat_hash_map<ClientId, Client> clients;
    size_t connected = 0;  // of them

    size_t gone() const { return clients.size() - connected; }
  };

  bool HasRoom(uid_t uid, OfUid* of_uid);
  bool ForgetOldest(uid_t uid, OfUid* of_uid);
  bool ForgetOfWhoHasMost();

  absl::flat_hash_map<uid_t, OfUid> by_uid_;
  size_t users_ = 0;
};

}  // namespace sluice::ingest
