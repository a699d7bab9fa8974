// What clients say that they lost before the agent had it: for `sluice status`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/identity/identity.h"
#include "proto/trace/ids.h"

namespace sluice::ingest {

// By reason. Totals since the client id was made.
using LossTotals = std::map<std::string, uint64_t, std::less<>>;

// The last clients that told of losses, ended ones included. It is what they say: no counter of the
// agent's own has it. Owned by the ingest thread; it does not outlive the agent.
class LossTable {
 public:
  // Beyond them the client that told longest ago goes.
  static constexpr size_t kEndedPerUser = 64;
  static constexpr size_t kPerUser = 256;
  static constexpr size_t kAll = 2048;

  struct Client {
    Identity identity;
    std::string service_name;
    LossTotals losses;
    uint64_t told_unix_nano = 0;
    uint64_t ended_unix_nano = 0;  // 0: it is connected
  };

  // `told` has identity, name, losses and time. In place of what the client told before, as totals
  // can come late only from a connection that broke since.
  void Tell(const ClientId& id, Client told);
  // The client's stream ended; nothing where it told of no losses.
  void End(uid_t uid, const ClientId& id, uint64_t unix_nano);
  // The one that told longest ago first; of all users, or of one uid.
  std::vector<Client> Copy(std::optional<uid_t> only_uid) const;

 private:
  using Key = std::pair<uid_t, ClientId>;
  struct Entry {
    Key key;
    Client client;
  };
  using Entries = std::list<Entry>;

  // Forgets the first of those that `is_meant` picks where there are `most` or more.
  template <typename IsMeant>
  void MakeRoom(size_t most, IsMeant is_meant);

  Entries entries_;  // by the time of their last word
  absl::flat_hash_map<Key, Entries::iterator> places_;
};

}  // namespace sluice::ingest
