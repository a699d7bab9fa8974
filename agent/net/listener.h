// Accepts connections of one listening socket for as long as it lives.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "agent/base/event_loop.h"
#include "agent/self/counters.h"
#include "proto/base/unique_fd.h"

namespace sluice::net {

// When the process or the system is out of descriptors, the connections that cannot be taken are
// closed at once with the help of one descriptor held in reserve (`net.refused` `descriptors`), so
// that their peers are told and the loop does not spin. Where even that fails, accepting rests for
// 100 ms.
class Listener final : private EventLoop::FdHandler {
 public:
  // Gets a connected socket, non-blocking and close-on-exec.
  using OnAccept = std::function<void(UniqueFd)>;

  // `loop` and `counters` outlive the listener.
  static absl::StatusOr<std::unique_ptr<Listener>> Create(EventLoop* loop, Counters* counters,
                                                          UniqueFd listening, OnAccept on_accept);
  ~Listener() override;

 private:
  Listener(EventLoop* loop, Counters* counters, UniqueFd listening, OnAccept on_accept);

  void OnFdReady(uint32_t events) override;
  bool AcceptOne();
  bool ShedOne();
  void Rest();

  EventLoop* const loop_;
  Counters* const counters_;
  const UniqueFd listening_;
  const OnAccept on_accept_;
  UniqueFd reserve_;
  EventLoop::TimerId rest_timer_ = 0;
};

}  // namespace sluice::net
