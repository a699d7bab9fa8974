// What the connections and calls of one GrpcServer share.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/net/grpc/call.h"
#include "agent/net/grpc/frame.h"
#include "agent/net/grpc_server.h"

namespace sluice::net {

class ServerCall;
class SocketConnection;

// Things that callbacks on the stack may still use are buried here and destroyed at the turn's end.
class ServerCore {
 public:
  // One read takes at most so much.
  static constexpr size_t kReadBytes = 256 * 1024;

  // `close_turn` runs at the end of every turn in which NeedTurnEnd was called.
  ServerCore(const GrpcServer::Options& options, std::function<void()> close_turn);
  ~ServerCore();

  EventLoop& loop() { return *options_.loop; }
  Counters& counters() { return *options_.counters; }
  ByteBudget& budget() { return *options_.budget; }
  const GrpcServer::Limits& limits() const { return options_.limits; }
  LoopShare& loop_share() { return loop_share_; }

  // Path and route; null: none.
  using RouteEntry = std::pair<const std::string, Route>;
  void AddRoute(std::string_view path, Route route);
  const RouteEntry* FindRoute(std::string_view path) const;

  CallId AddCall(ServerCall* call);
  void RemoveCall(CallId id) { calls_.erase(id); }
  ServerCall* FindCall(CallId id) const;

  void NeedTurnEnd();
  // `connection` has something to write, deliver, or has ended. Once per turn is enough.
  void AddBusy(SocketConnection* connection);
  std::vector<SocketConnection*> TakeBusy();
  void RemoveBusy(SocketConnection* connection);

  // `connection` is not read from until its uid has paid for what it wasted.
  void AddResting(SocketConnection* connection);
  void RemoveResting(SocketConnection* connection);

  void Bury(std::unique_ptr<CallHandler> handler);
  void Bury(std::unique_ptr<ServerCall> call);
  void EmptyGraves();

  char* read_buffer() { return read_buffer_.get(); }
  // Scratch for output; empty between uses.
  std::string& write_buffer() { return write_buffer_; }
  SpareBuffer& spare() { return spare_; }

 private:
  void WakeRestingLater();
  void WakeResting();

  const GrpcServer::Options options_;
  const std::function<void()> close_turn_;
  std::map<std::string, Route, std::less<>> routes_;
  CallId last_call_ = 0;
  absl::flat_hash_map<CallId, ServerCall*> calls_;
  bool turn_end_due_ = false;
  std::vector<SocketConnection*> busy_;
  LoopShare loop_share_;
  std::deque<SocketConnection*> resting_;  // who rests longest is first
  EventLoop::TimerId wake_timer_ = 0;
  std::vector<std::unique_ptr<CallHandler>> dead_handlers_;
  std::vector<std::unique_ptr<ServerCall>> dead_calls_;
  const std::unique_ptr<char[]> read_buffer_;
  std::string write_buffer_;
  SpareBuffer spare_;
  // Ends with this, for work that the loop still has.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::net
