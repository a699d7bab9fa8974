// An accepted socket that speaks HTTP/2 and carries calls.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/net/connection.h"
#include "agent/net/connection_tally.h"
#include "agent/net/event_loop.h"
#include "agent/net/http2_session.h"
#include "agent/net/server_call.h"
#include "agent/net/server_core.h"

namespace sluice::net {

// Reads once a turn and writes once a turn. What it reads at once is little while its bytes are
// costly (many frames or messages) and more while they are cheap. While the peer does not take its
// output, it is not read from. Costs about a page until its first byte comes.
class SocketConnection final : public Connection,
                               private Http2Session::Owner,
                               private EventLoop::FdHandler {
 public:
  struct Shared {
    ServerCore* core;
    ConnectionTally* tally;
  };

  SocketConnection(const Shared& shared, uint64_t id, Peer peer, UniqueFd socket);
  ~SocketConnection() override;

  absl::Status Start();
  void Close(absl::string_view reason) override;
  // Takes no new calls; ends with the last one.
  void Drain();

  // Delivers, writes, notifies. Returns false once the connection has ended: its calls are then
  // cancelled, and it is to be destroyed after they are.
  bool AtTurnEnd();
  const std::string& close_reason() const { return close_reason_; }

  // For its calls:
  Http2Session& session() { return *session_; }
  void MarkBusy();
  void AddWork() { ++work_; }
  void BuryCall(ServerCall* call);

 private:
  Http2Stream* OnRequest(int32_t stream_id, const RequestHead& head) override;
  void OnStreamRefused() override;
  void OnFdReady(uint32_t events) override;

  void Read();
  size_t ReadLimit();
  void Take(std::string_view bytes);
  void AdaptReadSize(size_t taken);
  void Fail(const char* reason);
  void Write();
  bool WriteBacklog();
  size_t SendSome(std::string_view bytes);
  void KeepBacklog(std::string_view unsent);
  void StartPatience();
  void EndIfOver();
  void EndCalls();

  ServerCore* const core_;
  ConnectionTally* const tally_;
  const UniqueFd socket_;
  std::unique_ptr<Http2Session> session_;  // from the first byte on
  std::vector<std::unique_ptr<ServerCall>> calls_;
  std::string backlog_;  // produced, not taken by the socket yet
  EventLoop::TimerId first_request_timer_ = 0;
  EventLoop::TimerId patience_timer_ = 0;
  size_t read_size_ = 16 * 1024;
  size_t work_ = 0;
  std::string close_reason_;
  bool busy_ = false;
  bool closing_ = false;
  bool ended_ = false;
  bool draining_ = false;
  bool peer_reads_ = true;
};

}  // namespace sluice::net
