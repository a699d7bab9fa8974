// Puts off what is to be sent to a peer that waits for its answer alone, until there is one: one
// write instead of two, and the peer wakes once. Not for long: HTTP/2 wants SETTINGS acknowledged,
// and the peer's next requests may wait for ours.
#pragma once

#include <cstdint>

#include "agent/base/event_loop.h"

namespace sluice::net {

// Belongs to the loop's thread.
class AnswerWait {
 public:
  static constexpr uint64_t kLongestNanos = 20'000'000;

  explicit AnswerWait(EventLoop* loop) : loop_(loop) {}
  ~AnswerWait() { loop_->CancelTimer(timer_); }
  AnswerWait(const AnswerWait&) = delete;
  AnswerWait& operator=(const AnswerWait&) = delete;

  // Begins with the first call. False: it is over, which was told by `on_over`.
  bool IsOn(EventLoop::Work on_over) {
    if (timer_ == 0) {
      timer_ = loop_->AddTimer(loop_->now() + kLongestNanos, [this, on_over] {
        is_over_ = true;
        on_over();
      });
    }
    return !is_over_;
  }

 private:
  EventLoop* const loop_;
  EventLoop::TimerId timer_ = 0;
  bool is_over_ = false;
};

}  // namespace sluice::net
