#include "agent/ingest/client_registry.h"

#include "proto/record/limits.h"

namespace sluice::ingest {
namespace {

constexpr uint64_t kKeepNanos = uint64_t{limits::kDedupSeconds} * 1'000'000'000;

}  // namespace

ClientRegistry::Client* ClientRegistry::Get(uid_t uid, const ClientId& id,
                                            uint64_t now_boottime_nano) {
  Clients& clients = by_uid_[uid];
  const auto found = clients.find(id);
  if (found != clients.end()) return &found->second;
  if (clients.size() >= limits::kDedupClientsPerUid && !ForgetOldest(&clients)) return nullptr;
  Client& client = clients[id];
  client.last_seen_boottime_nano = now_boottime_nano;
  return &client;
}

ClientRegistry::Client* ClientRegistry::Connect(uid_t uid, const ClientId& id,
                                                uint64_t now_boottime_nano) {
  Client* const client = Get(uid, id, now_boottime_nano);
  if (client != nullptr) ++client->connections;
  return client;
}

void ClientRegistry::Disconnect(uid_t uid, const ClientId& id, uint64_t now_boottime_nano) {
  Client* const client = Get(uid, id, now_boottime_nano);
  if (client == nullptr) return;
  --client->connections;
  client->last_seen_boottime_nano = now_boottime_nano;
}

const ClientRegistry::Client* ClientRegistry::Find(uid_t uid, const ClientId& id) const {
  const auto clients = by_uid_.find(uid);
  if (clients == by_uid_.end()) return nullptr;
  const auto found = clients->second.find(id);
  return found == clients->second.end() ? nullptr : &found->second;
}

bool ClientRegistry::ForgetOldest(Clients* clients) {
  auto oldest = clients->end();
  for (auto it = clients->begin(); it != clients->end(); ++it) {
    if (it->second.connections > 0) continue;
    if (oldest == clients->end() ||
        it->second.last_seen_boottime_nano < oldest->second.last_seen_boottime_nano) {
      oldest = it;
    }
  }
  if (oldest == clients->end()) return false;
  clients->erase(oldest);
  return true;
}

void ClientRegistry::Expire(uint64_t now_boottime_nano) {
  for (auto& [uid, clients] : by_uid_) {
    absl::erase_if(clients, [&](const auto& entry) {
      const Client& client = entry.second;
      return client.connections == 0 &&
             client.last_seen_boottime_nano + kKeepNanos < now_boottime_nano;
    });
  }
  absl::erase_if(by_uid_, [](const auto& entry) { return entry.second.empty(); });
}

void ClientRegistry::ForEach(
    const std::function<void(uid_t, const ClientId&, const Client&)>& visit) const {
  for (const auto& [uid, clients] : by_uid_) {
    for (const auto& [id, client] : clients) visit(uid, id, client);
  }
}

}  // namespace sluice::ingest
