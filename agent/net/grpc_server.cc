#include "agent/net/grpc_server.h"

#include <sys/socket.h>

#include <utility>

#include "agent/base/status_macros.h"
#include "agent/net/connection_tally.h"
#include "agent/net/health.h"
#include "agent/net/server_core.h"
#include "agent/net/socket_connection.h"
#include "proto/contract/names.h"

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
  ASSIGN_OR_RETURN(auto listener,
                   Listener::Create(options_.loop, options_.counters, std::move(listening),
                                    [this](UniqueFd socket) { AddConnection(std::move(socket)); }));
  listeners_.push_back(std::move(listener));
  return absl::OkStatus();
}

void GrpcServer::AddConnection(UniqueFd socket) {
  const absl::StatusOr<uid_t> uid = PeerUid(socket.get());
  if (!uid.ok()) return options_.counters->Add("net.refused", "not_identified");
  if (const char* const reason = tally_->Admit(*uid)) {
    TellRefused(socket.get(), reason);
    return options_.counters->Add("net.refused", reason, *uid);
  }
  absl::StatusOr<Peer> peer = IdentifyPeer(socket.get());
  if (!peer.ok()) {
    tally_->Leave(*uid);
    return options_.counters->Add("net.refused", "not_identified", *uid);
  }
  auto& connection = connections_[++last_connection_];
  connection =
      std::make_unique<SocketConnection>(SocketConnection::Shared{core_.get(), tally_.get()},
                                         last_connection_, *std::move(peer), std::move(socket));
  if (options_.observer != nullptr) options_.observer->OnConnectionOpen(*connection);
  if (!connection->Start().ok()) connection->Close("internal_error");
}

Call* GrpcServer::FindCall(CallId id) const { return core_->FindCall(id); }

void GrpcServer::Drain(std::function<void()> on_drained) {
  listeners_.clear();
  on_drained_ = std::move(on_drained);
  for (auto& [id, connection] : connections_) connection->Drain();
  core_->NeedTurnEnd();
}

void GrpcServer::Close() {
  listeners_.clear();
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
  tally_->Leave(connection->uid());
  core_->RemoveBusy(connection);
  connections_.erase(connection->id());
}

void GrpcServer::TellDrained() {
  if (const auto on_drained = std::exchange(on_drained_, nullptr)) on_drained();
}

}  // namespace sluice::net
