#include "agent/net/grpc_server.h"

#include <sys/socket.h>

#include <utility>

#include "agent/base/descriptor_reserve.h"
#include "agent/base/status_macros.h"
#include "agent/identity/host_root.h"
#include "agent/net/acceptor.h"
#include "agent/net/connection_tally.h"
#include "agent/net/grpc/health.h"
#include "agent/net/server_core.h"
#include "agent/net/socket_connection.h"
#include "proto/record/names.h"

namespace sluice::net {
namespace {

void TellRefused(int socket, const char* reason) {
  const std::string words = Http2Session::LastWords(reason);
  // A peer that does not hear it sees the end.
  [[maybe_unused]] const ssize_t sent =
      ::send(socket, words.data(), words.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

GrpcServer::GrpcServer(const Options& options)
    : options_(options),
      core_(std::make_unique<ServerCore>(options, [this] { CloseTurn(); })),
      tally_(std::make_unique<ConnectionTally>(options.limits)) {
  AddRoute(method::kHealthCheck, HealthRoute());
}

GrpcServer::~GrpcServer() { Close(); }

void GrpcServer::AddRoute(std::string_view path, Route route) {
  core_->AddRoute(path, std::move(route));
}

absl::Status GrpcServer::Serve(UniqueFd listening) {
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

void GrpcServer::AddConnection(UniqueFd socket) {
  if (std::optional<Peer> peer = Admit(socket.get())) Open(*std::move(peer), std::move(socket));
}

// On an acceptor's thread.
void GrpcServer::AdmitElsewhere(UniqueFd socket) {
  std::optional<Peer> peer = Admit(socket.get());
  if (!peer) return;
  // Work can be copied, and these cannot.
  auto admitted = std::make_shared<std::pair<Peer, UniqueFd>>(*std::move(peer), std::move(socket));
  options_.loop->Post([this, alive = std::weak_ptr<bool>(alive_), admitted] {
    if (!alive.expired()) Open(std::move(admitted->first), std::move(admitted->second));
  });
}

// Thread-safe. Nothing: the connection is refused, and counted.
std::optional<Peer> GrpcServer::Admit(int socket) {
  const absl::StatusOr<uid_t> uid = PeerUid(socket);
  if (!uid.ok()) {
    options_.counters->Add("net.refused", "not_identified");
    return std::nullopt;
  }
  const bool is_scarce = *uid != 0 && IsReserved(socket);
  if (const char* const reason = is_scarce ? "descriptors" : tally_->Admit(*uid)) {
    TellRefused(socket, reason);
    options_.counters->Add("net.refused", reason, *uid);
    return std::nullopt;
  }
  absl::StatusOr<Peer> peer = IdentifyPeer(socket);
  if (!peer.ok()) {
    tally_->Leave(*uid);
    options_.counters->Add("net.refused", "not_identified", *uid);
    return std::nullopt;
  }
  peer->is_host_root = JudgeHostRoot(peer->identity).ok();
  return *std::move(peer);
}

void GrpcServer::Open(Peer peer, UniqueFd socket) {
  if (!accepting_) {
    tally_->Leave(peer.identity.uid);
    return;
  }
  auto& connection = connections_[++last_connection_];
  connection = std::make_unique<SocketConnection>(core_.get(), last_connection_, std::move(peer),
                                                  std::move(socket));
  if (options_.observer != nullptr) options_.observer->OnConnectionOpen(*connection);
  if (!connection->Start().ok()) connection->Close("internal_error");
}

Call* GrpcServer::FindCall(CallId id) const { return core_->FindCall(id); }

void GrpcServer::StopAccepting() {
  accepting_ = false;
  listeners_.clear();
  acceptors_.clear();
}

void GrpcServer::Drain(std::function<void()> on_drained) {
  StopAccepting();
  on_drained_ = std::move(on_drained);
  for (auto& [id, connection] : connections_) connection->Drain();
  core_->NeedTurnEnd();
}

void GrpcServer::Close() {
  StopAccepting();
  for (auto& [id, connection] : connections_) connection->Close("shutdown");
  while (!connections_.empty()) CloseTurn();
}

size_t GrpcServer::connection_count() const { return connections_.size(); }

void GrpcServer::ForEachConnection(const std::function<void(Connection&)>& visit) {
  for (auto& [id, connection] : connections_) visit(*connection);
}

void GrpcServer::CloseTurn() {
  std::vector<SocketConnection*> ended;
  for (SocketConnection* const connection : core_->TakeBusy()) {
    if (!connection->AtTurnEnd()) ended.push_back(connection);
  }
  core_->EmptyGraves();
  for (SocketConnection* const connection : ended) Remove(connection);
  if (connections_.empty()) TellDrained();
}

void GrpcServer::Remove(SocketConnection* connection) {
  if (options_.observer != nullptr) options_.observer->OnConnectionClose(*connection);
  options_.counters->Add("net.closed", connection->close_reason());
  if (tally_->Leave(connection->uid())) core_->loop_share().Leave(connection->uid());
  core_->RemoveBusy(connection);
  connections_.erase(connection->id());
}

void GrpcServer::TellDrained() {
  if (const auto on_drained = std::exchange(on_drained_, nullptr)) on_drained();
}

}  // namespace sluice::net
