// gRPC over accepted Unix sockets: who may connect, which path is served by what, and an end in
// good order. Several servers with different routes share one loop.
//
// Calls to unknown paths get UNIMPLEMENTED; grpc.health.v1.Health/Check is always served.
// What a peer does wrong ends its call or its connection and is counted:
//   `net.refused` (reason, uid), what was not taken
//     of connections: connections_per_uid connections_total descriptors not_identified
//     of calls: compressed deadline headers_too_large malformed_timeout memory message_too_large
//               not_grpc stream truncated_message unknown_method
//   `net.late_answers` (uid), calls that took effect and whose caller had stopped waiting by then
//   `net.closed` (reason), connections that ended
//     by themselves: drained peer shutdown
//     by their fault: first_request_timeout not_http2 protocol_error unread_output, and flood_ with
//               continuation empty_data headers ping priority reset settings unknown unread_acks
//               window_update
//     by ours: internal_error memory
//     and whatever a service passes to Connection::Close.
//   `net.throttled` (uid), how often a uid was not read from for a while: it had kept the loop busy
//     for nothing (loop_share.h)
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "agent/base/event_loop.h"
#include "agent/net/byte_budget.h"
#include "agent/net/connection.h"
#include "agent/net/grpc/call.h"
#include "agent/net/listener.h"
#include "agent/net/loop_share.h"
#include "agent/self/counters.h"
#include "proto/record/limits.h"

namespace sluice::net {

class Acceptor;
class ConnectionTally;
class ServerCore;
class SocketConnection;

struct Route {
  CallFactory factory;
  // A request message above it ends the call with RESOURCE_EXHAUSTED, unread.
  size_t max_message_bytes = limits::kBatchBytes;
};

class GrpcServer {
 public:
  struct Limits {
    size_t connections_per_uid = limits::kConnectionsPerUid;
    // uid 0 runs many services.
    size_t connections_of_root = 1024;
    // All uids together; the last `reserved_for_root` of them only for uid 0.
    size_t connections = 4096;
    size_t reserved_for_root = 64;
    // From accept to the first complete request.
    int first_request_ms = limits::kFirstBytesSeconds * 1000;
    // A peer that reads nothing for so long while there is something for it is closed.
    int unread_output_ms = 30'000;
    LoopShare::Limits waste;
  };

  struct Options {
    EventLoop* loop = nullptr;
    Counters* counters = nullptr;
    ByteBudget* budget = nullptr;
    ConnectionObserver* observer = nullptr;  // may be null
    // Connections are accepted, identified and refused on a thread of its own, else on the loop's.
    bool accepts_on_own_thread = false;
    Limits limits;
  };

  // What the options point to outlives the server. Close or Drain's end must come before
  // ~GrpcServer.
  explicit GrpcServer(const Options& options);
  ~GrpcServer();

  // Before Serve.
  void AddRoute(std::string_view path, Route route);

  // Accepts from `listening` (non-blocking) until Drain or Close. May be called for several
  // sockets.
  absl::Status Serve(UniqueFd listening);

  // Takes one connected, non-blocking socket; what Serve does for each it accepts.
  void AddConnection(UniqueFd socket);

  // Null: it has ended.
  Call* FindCall(CallId id) const;

  // Accepts no more, tells peers to go elsewhere, closes each connection once its calls have ended.
  // `on_drained` runs when none is left.
  void Drain(std::function<void()> on_drained);
  // Accepts no more and ends all connections now; their calls are cancelled. Not from within a
  // handler or observer. The destructor does the same.
  void Close();

  size_t connection_count() const;
  void ForEachConnection(const std::function<void(Connection&)>& visit);

 private:
  std::optional<Peer> Admit(int socket);
  void AdmitElsewhere(UniqueFd socket);
  void Open(Peer peer, UniqueFd socket);
  void StopAccepting();
  void CloseTurn();
  void Remove(SocketConnection* connection);
  void TellDrained();

  const Options options_;
  std::unique_ptr<ServerCore> core_;
  std::unique_ptr<ConnectionTally> tally_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<SocketConnection>> connections_;
  uint64_t last_connection_ = 0;
  std::function<void()> on_drained_;
  bool accepting_ = true;
  // Ends with this, for connections that are on their way from an acceptor.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::net
