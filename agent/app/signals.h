// Signals as events of the loop.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "agent/base/event_loop.h"
#include "proto/base/unique_fd.h"

namespace sluice::app {

// Blocks the signals that SignalWatch takes, in this thread and those it starts afterwards. SIGPIPE
// is ignored for the whole process.
void BlockSignals();

class SignalWatch final : private net::EventLoop::FdHandler {
 public:
  // SIGTERM and SIGINT; SIGHUP. `loop` outlives the watch.
  static absl::StatusOr<std::unique_ptr<SignalWatch>> Create(net::EventLoop* loop,
                                                             std::function<void()> on_stop,
                                                             std::function<void()> on_reload);
  ~SignalWatch() override;

 private:
  SignalWatch(net::EventLoop* loop, UniqueFd fd, std::function<void()> on_stop,
              std::function<void()> on_reload);
  void OnFdReady(uint32_t events) override;

  net::EventLoop* const loop_;
  const UniqueFd fd_;
  const std::function<void()> on_stop_;
  const std::function<void()> on_reload_;
};

}  // namespace sluice::app
