#include "agent/ingest/loss_table.h"

#include <algorithm>

#include "agent/base/user_of.h"

namespace sluice::ingest {

template <typename IsMeant>
void LossTable::MakeRoom(size_t most, IsMeant is_meant) {
  if (static_cast<size_t>(std::ranges::count_if(entries_, is_meant)) < most) return;
  const auto first = std::ranges::find_if(entries_, is_meant);
  places_.erase(first->key);
  entries_.erase(first);
}

void LossTable::Tell(const ClientId& id, Client told) {
  const Key key(told.identity.uid, id);
  const auto known = places_.find(key);
  if (known != places_.end()) {
    entries_.splice(entries_.end(), entries_, known->second);
    known->second->client = std::move(told);
    return;
  }
  MakeRoom(kPerUser, [user = UserOf(key.first)](const Entry& entry) {
    return UserOf(entry.key.first) == user;
  });
  MakeRoom(kAll, [](const Entry&) { return true; });
  places_[key] = entries_.insert(entries_.end(), {key, std::move(told)});
}

void LossTable::End(uid_t uid, const ClientId& id, uint64_t unix_nano) {
  const auto found = places_.find(Key(uid, id));
  if (found == places_.end()) return;
  Client& client = found->second->client;
  if (client.ended_unix_nano == 0) {
    MakeRoom(kEndedPerUser, [user = UserOf(uid)](const Entry& entry) {
      return entry.client.ended_unix_nano != 0 && UserOf(entry.key.first) == user;
    });
  }
  client.ended_unix_nano = unix_nano;
}

std::vector<LossTable::Client> LossTable::Copy(std::optional<uid_t> only_uid) const {
  std::vector<Client> copy;
  for (const Entry& entry : entries_) {
    if (!only_uid || entry.key.first == *only_uid) copy.push_back(entry.client);
  }
  return copy;
}

}  // namespace sluice::ingest
