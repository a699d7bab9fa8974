// HTTP over accepted Unix sockets: who may connect, which kind of call takes which request, and an
// end in good order. Several servers share one loop.
//
// What a peer does wrong ends its call or its connection and is counted:
//   `net.refused` (reason, uid), what was not taken
//     of connections: connections_per_uid connections_total descriptors not_identified
//     of requests: not_grpc stream; and what the kinds of call refuse (grpc/grpc_server.h)
//   `net.closed` (reason), connections that ended
//     by themselves: drained peer shutdown
//     by their fault: first_request_timeout not_http not_http2 protocol_error slow_request tls
//               unread_output, and flood_ with continuation empty_data headers ping priority reset
//               settings unknown unread_acks window_update
//     by ours: internal_error memory
//     and whatever a service passes to Connection::Close.
//   `net.throttled` (uid), how often a uid was not read from for a while: it had kept the loop busy
//     for nothing (loop_share.h)
//   `net.held` (uid), how often a connection was not read from for a while: what its uid sent
//   before
//     was still to be worked off (flow_gate.h)
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "agent/identity/peer.h"
#include "agent/net/acceptor.h"
#include "agent/net/connection_tally.h"
#include "agent/net/flow_gate.h"
#include "agent/net/http/http_call.h"
#include "agent/net/http/server_core.h"
#include "agent/net/http/socket_connection.h"
#include "agent/net/listener.h"
#include "agent/net/peer_table.h"
#include "proto/base/unique_fd.h"

namespace sluice::net {

class HttpServer {
 public:
  struct Options {
    EventLoop* loop = nullptr;
    Counters* counters = nullptr;
    ByteBudget* budget = nullptr;
    // Connections are accepted, identified and refused on a thread of its own, else on the loop's.
    bool accepts_on_own_thread = false;
    ServerLimits limits;
    // Each may hold back a uid.
    std::vector<FlowGate*> gates;
    // Told of each connection that has shown what it speaks; may be null.
    PeerTable* peers = nullptr;
  };

  // What the options point to outlives the server. Close or Drain's end must come before
  // ~HttpServer.
  explicit HttpServer(const Options& options);
  ~HttpServer();

  // Before Serve. `factory` outlives the server, and is asked after those added before it.
  void AddCalls(HttpCallFactory* factory);

  // Accepts from `listening` (non-blocking) until Drain or Close. May be called for several
  // sockets.
  absl::Status Serve(UniqueFd listening);

  // Takes one connected, non-blocking socket; what Serve does for each it accepts.
  void AddConnection(UniqueFd socket);

  // Asks the gates again for the connections that are held. On the loop's thread, not from within a
  // call.
  void ReleaseHeld() { core_.ReleaseHeld(); }

  // Accepts no more, tells peers to go elsewhere, closes each connection once its calls have ended.
  // `on_drained` runs when none is left.
  void Drain(std::function<void()> on_drained);
  // Accepts no more and ends all connections now; their calls are abandoned. Not from within a
  // call. The destructor does the same.
  void Close();

  size_t connection_count() const { return connections_.size(); }

 private:
  std::optional<Peer> Admit(int socket);
  void AdmitElsewhere(UniqueFd socket);
  void Open(Peer peer, UniqueFd socket);
  void StopAccepting();
  void CloseTurn();
  void Remove(SocketConnection* connection);
  void TellDrained();

  const Options options_;
  CallKinds kinds_;
  ServerCore core_;
  ConnectionTally tally_;
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
