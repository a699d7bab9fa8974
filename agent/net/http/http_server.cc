#include "agent/net/http/http_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "agent/base/descriptor_reserve.h"
#include "agent/base/status_macros.h"
#include "agent/net/http/http2_session.h"

namespace sluice::net {
namespace {

void TellRefused(int socket, const char* reason) {
  const std::string frame = GoAwayFrame(reason);
  // A peer that does not read it sees the closed connection.
  [[maybe_unused]] const ssize_t sent =
      ::send(socket, frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

HttpServer::HttpServer(const Options& options)
    : options_(options),
      core_({.loop = options.loop,
             .counters = options.counters,
             .budget = options.budget,
             .limits = options.limits,
             .gates = options.gates,
             .peers = options.peers,
             .serve =
                 [](ServingOrder::Client* connection, uint64_t begin) {
                   return static_cast<SocketConnection*>(connection)->Serve(begin);
                 },
             .close_turn = [this] { CloseTurn(); },
             .wake_up = [](SocketConnection* connection) { connection->WakeUp(); }}),
      tally_(options.limits) {}

HttpServer::~HttpServer() { Close(); }

void HttpServer::AddCalls(HttpCallFactory* factory) {
  kinds_.factories.push_back(factory);
  const auto fields = factory->extra_fields();
  kinds_.extra_fields.insert(kinds_.extra_fields.end(), fields.begin(), fields.end());
}

absl::Status HttpServer::Serve(UniqueFd listening) {
  if (options_.accepts_on_own_thread) {
    ASSIGN_OR_RETURN(auto acceptor, Acceptor::Start(options_.counters, std::move(listening),
                                                    [this](UniqueFd socket) {
                                                      AdmitElsewhere(std::move(socket));
                                                    }));
    acceptors_.push_back(std::move(acceptor));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(auto listener,
                   Listener::Create(options_.loop, options_.counters, std::move(listening),
                                    [this](UniqueFd socket) { AddConnection(std::move(socket)); }));
  listeners_.push_back(std::move(listener));
  return absl::OkStatus();
}

void HttpServer::AddConnection(UniqueFd socket) {
  if (std::optional<Peer> peer = Admit(socket.get())) Open(*std::move(peer), std::move(socket));
}

// On an acceptor's thread.
void HttpServer::AdmitElsewhere(UniqueFd socket) {
  std::optional<Peer> peer = Admit(socket.get());
  if (!peer) return;
  // Work can be copied, and these cannot.
  auto admitted = std::make_shared<std::pair<Peer, UniqueFd>>(*std::move(peer), std::move(socket));
  options_.loop->Post([this, alive = std::weak_ptr<bool>(alive_), admitted] {
    if (!alive.expired()) Open(std::move(admitted->first), std::move(admitted->second));
  });
}

// Thread-safe. Nothing: the connection is refused, and counted.
std::optional<Peer> HttpServer::Admit(int socket) {
  const absl::StatusOr<uid_t> uid = PeerUid(socket);
  if (!uid.ok()) {
    options_.counters->Add("net.refused", "not_identified");
    return std::nullopt;
  }
  const bool is_scarce = *uid != 0 && IsReserved(socket);
  if (const char* const reason = is_scarce ? "descriptors" : tally_.Admit(*uid)) {
    TellRefused(socket, reason);
    options_.counters->Add("net.refused", reason, *uid);
    return std::nullopt;
  }
  absl::StatusOr<Peer> peer = IdentifyPeer(socket);
  if (!peer.ok()) {
    tally_.Leave(*uid);
    options_.counters->Add("net.refused", "not_identified", *uid);
    return std::nullopt;
  }
  return *std::move(peer);
}

void HttpServer::Open(Peer peer, UniqueFd socket) {
  if (!accepting_) {
    tally_.Leave(peer.identity.uid);
    return;
  }
  auto& connection = connections_[++last_connection_];
  connection = std::make_unique<SocketConnection>(&core_, &kinds_, last_connection_,
                                                  std::move(peer), std::move(socket));
  if (!connection->Start().ok()) connection->Close("internal_error");
}

void HttpServer::StopAccepting() {
  accepting_ = false;
  listeners_.clear();
  acceptors_.clear();
}

void HttpServer::Drain(std::function<void()> on_drained) {
  StopAccepting();
  on_drained_ = std::move(on_drained);
  for (auto& [id, connection] : connections_) connection->Drain();
  core_.NeedTurnEnd();
}

void HttpServer::Close() {
  StopAccepting();
  for (auto& [id, connection] : connections_) connection->Close("shutdown");
  while (!connections_.empty()) CloseTurn();
}

void HttpServer::CloseTurn() {
  std::vector<SocketConnection*> ended;
  ServingOrder& order = core_.order();
  const Clock& clock = options_.loop->clock();
  uint64_t at = std::max(core_.served_until(), options_.loop->now());
  const uint64_t end = at + ServerCore::kTurnNanos;
  while (at < end) {
    ServingOrder::Client* const next = order.Next(ServingOrder::kTurnEnd);
    if (next == nullptr) break;
    auto* const connection = static_cast<SocketConnection*>(next);
    if (!connection->AtTurnEnd()) {
      // What it did to end may have called for another turn's end.
      order.Remove(ServingOrder::kTurnEnd, connection->user(), connection);
      ended.push_back(connection);
    }
    const uint64_t begin = std::exchange(at, clock.BootNano());
    order.Spend(connection->user(), at - begin);
  }
  if (!order.IsEmpty(ServingOrder::kTurnEnd)) core_.NeedTurnEnd();
  core_.DeletePending();
  for (SocketConnection* const connection : ended) Remove(connection);
  if (connections_.empty()) TellDrained();
}

void HttpServer::Remove(SocketConnection* connection) {
  options_.counters->Add("net.closed", connection->close_reason());
  tally_.Leave(connection->uid());
  connections_.erase(connection->id());
}

void HttpServer::TellDrained() {
  if (const auto on_drained = std::exchange(on_drained_, nullptr)) on_drained();
}

}  // namespace sluice::net
