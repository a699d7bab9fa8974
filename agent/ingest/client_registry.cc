#include "agent/ingest/client_registry.h"

#include "proto/record/limits.h"

namespace sluice::ingest {
namespace {

constexpr uint64_t kKeepNanos = uint64_t{limits::kDedupSeconds} * 1'000'000'000;

}  // namespace

ClientRegistry::Client* ClientRegistry::Get(uid_t uid, const ClientId& id,
                                            uint64_t now_boottime_nano) {
  OfUid& mine = by_uid_[uid];
  const auto found = mine.clients.find(id);
  if (found != mine.clients.end()) return &found->second;
  if (!HasRoom(uid, &mine)) return nullptr;
  if (uid != 0) ++users_;
  Client& client = mine.clients[id];
  client.last_seen_boottime_nano = now_boottime_nano;
  return &client;
}

bool ClientRegistry::HasRoom(uid_t uid, OfUid* of_uid) {
  if (of_uid->clients.size() >= limits::kDedupClientsPerUid) return ForgetOldest(uid, of_uid);
  return uid == 0 || users_ < limits::kDedupClientsOfUsers || ForgetOfWhoHasMost();
}

bool ClientRegistry::ForgetOfWhoHasMost() {
  auto most = by_uid_.end();
  for (auto it = by_uid_.begin(); it != by_uid_.end(); ++it) {
    if (it->first == 0) continue;
    if (most == by_uid_.end() || it->second.gone() > most->second.gone()) most = it;
  }
  return most != by_uid_.end() && ForgetOldest(most->first, &most->second);
}

ClientRegistry::Client* ClientRegistry::Connect(uid_t uid, const ClientId& id,
                                                uint64_t now_boottime_nano) {
  Client* const client = Get(uid, id, now_boottime_nano);
  if (client != nullptr && client->connections++ == 0) ++by_uid_[uid].connected;
  return client;
}

void ClientRegistry::Disconnect(uid_t uid, const ClientId& id, uint64_t now_boottime_nano) {
  Client* const client = Get(uid, id, now_boottime_nano);
  if (client == nullptr) return;
  if (--client->connections == 0) --by_uid_[uid].connected;
  client->last_seen_boottime_nano = now_boottime_nano;
}

const ClientRegistry::Client* ClientRegistry::Find(uid_t uid, const ClientId& id) const {
  const auto mine = by_uid_.find(uid);
  if (mine == by_uid_.end()) return nullptr;
  const auto found = mine->second.clients.find(id);
  return found == mine->second.clients.end() ? nullptr : &found->second;
}

bool ClientRegistry::ForgetOldest(uid_t uid, OfUid* of_uid) {
  auto& clients = of_uid->clients;
  auto oldest = clients.end();
  for (auto it = clients.begin(); it != clients.end(); ++it) {
    if (it->second.connections > 0) continue;
    if (oldest == clients.end() ||
        it->second.last_seen_boottime_nano < oldest->second.last_seen_boottime_nano) {
      oldest = it;
    }
  }
  if (oldest == clients.end()) return false;
  clients.erase(oldest);
  if (uid != 0) --users_;
  return true;
}

void ClientRegistry::Expire(uint64_t now_boottime_nano) {
  for (auto& [uid, mine] : by_uid_) {
    const size_t expired = absl::erase_if(mine.clients, [&](const auto& entry) {
      const Client& client = entry.second;
      return client.connections == 0 &&
             client.last_seen_boottime_nano + kKeepNanos < now_boottime_nano;
    });
    if (uid != 0) users_ -= expired;
  }
  absl::erase_if(by_uid_, [](const auto& entry) { return entry.second.clients.empty(); });
}

void ClientRegistry::ForEach(
    const std::function<void(uid_t, const ClientId&, const Client&)>& visit) const {
  for (const auto& [uid, mine] : by_uid_) {
    for (const auto& [id, client] : mine.clients) visit(uid, id, client);
  }
}

}  // namespace sluice::ingest
