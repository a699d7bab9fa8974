// Accepts connections on a thread of its own.
#pragma once

#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "agent/base/event_loop.h"
#include "agent/net/listener.h"
#include "agent/self/counters.h"
#include "proto/base/unique_fd.h"

namespace sluice::net {

// For sockets that anybody may connect to: to take and refuse a flood of connections costs a core,
// which must not be the one that serves.
class Acceptor {
 public:
  // `on_accept` runs on the acceptor's thread. `counters` outlives the acceptor.
  static absl::StatusOr<std::unique_ptr<Acceptor>> Start(Counters* counters, UniqueFd listening,
                                                         Listener::OnAccept on_accept);
  // After it `on_accept` neither runs nor will.
  ~Acceptor();

 private:
  explicit Acceptor(std::unique_ptr<EventLoop> loop) : loop_(std::move(loop)) {}

  const std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<Listener> listener_;
  std::thread thread_;
};

}  // namespace sluice::net
