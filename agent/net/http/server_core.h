// What the connections of one server share.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/base/event_loop.h"
#include "agent/net/byte_budget.h"
#include "agent/net/flow_gate.h"
#include "agent/net/http/http_call.h"
#include "agent/net/loop_share.h"
#include "agent/net/peer_table.h"
#include "agent/net/server_limits.h"
#include "agent/net/serving_order.h"
#include "agent/self/counters.h"

namespace sluice::net {

// Calls that callbacks on the stack may still use are put aside and destroyed at the turn's end.
class ServerCore final : private EventLoop::Server {
 public:
  // One read takes at most so much.
  static constexpr size_t kReadBytes = 256 * 1024;
  // A turn of the loop reads for about so long, and then ends connections' turns for about so long.
  static constexpr uint64_t kTurnNanos = 1'000'000;

  struct Options {
    EventLoop* loop = nullptr;
    Counters* counters = nullptr;
    ByteBudget* budget = nullptr;
    ServerLimits limits;
    std::vector<FlowGate*> gates;
    PeerTable* peers = nullptr;
    // Serves a connection whose turn it is to be read from. From `begin` on; returns when it ended.
    std::function<uint64_t(ServingOrder::Client*, uint64_t begin)> serve;
    // Runs at the end of every turn in which NeedTurnEnd was called.
    std::function<void()> close_turn;
    // Has a connection read again that rested or was held.
    std::function<void(SocketConnection*)> wake_up;
  };

  // What is pointed to outlives the core.
  explicit ServerCore(Options options);
  ~ServerCore() override;

  EventLoop& loop() { return *options_.loop; }
  Counters& counters() { return *options_.counters; }
  ByteBudget& budget() { return *options_.budget; }
  const ServerLimits& limits() const { return options_.limits; }
  // A peer has shown what it speaks.
  void NotePeer(const Identity& identity, std::string_view protocol, std::string_view user_agent);
  LoopShare& loop_share() { return loop_share_; }
  // The server's connections, as they wait to be read from and to have their turn ended.
  ServingOrder& order() { return order_; }

  // The last time that the clock was read for what is served.
  uint64_t served_until() const { return served_until_; }

  void NeedTurnEnd();

  // `connection` is not read from until its uid has paid for the time it wasted.
  void AddResting(SocketConnection* connection, uid_t uid);
  void RemoveResting(SocketConnection* connection);

  // Whether a gate holds the uid back.
  bool HoldsBack(uid_t uid) const;
  // `connection` is not read from until no gate holds its uid, or until `until` at the latest.
  void AddHeld(SocketConnection* connection, uid_t uid, uint64_t until);
  void RemoveHeld(SocketConnection* connection);
  void ReleaseHeld();

  void DeferDelete(std::unique_ptr<HttpCall> call);
  void DeletePending();

  char* read_buffer() { return read_buffer_.get(); }
  // Scratch for output; empty between uses.
  std::string& write_buffer() { return write_buffer_; }

 private:
  struct Resting {
    SocketConnection* connection;
    uid_t uid;
  };

  struct Held {
    SocketConnection* connection;
    uid_t uid;
    uint64_t until;
  };

  bool Serve() override;
  void WakeRestingLater();
  void WakeResting();
  void WakeHeldLater();
  // Those that `is_over` picks.
  void WakeHeld(const std::function<bool(const Held&)>& is_over);

  const Options options_;
  bool turn_end_due_ = false;
  uint64_t served_until_ = 0;
  ServingOrder order_;
  LoopShare loop_share_;
  std::deque<Resting> resting_;  // who rests longest is first
  EventLoop::TimerId wake_timer_ = 0;
  std::vector<Held> held_;
  EventLoop::TimerId held_timer_ = 0;
  std::vector<std::unique_ptr<HttpCall>> dead_calls_;
  const std::unique_ptr<char[]> read_buffer_;
  std::string write_buffer_;
  // Ends with this, for work that the loop still has.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::net
