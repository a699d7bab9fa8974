// Waiting for a socket, a deadline and a cancellation at once.
#pragma once

#include <atomic>
#include <chrono>

#include "proto/base/unique_fd.h"

namespace sluice::otlp {

using Deadline = std::chrono::steady_clock::time_point;  // max(): none

// So long from now; for ever where `time` is 0.
Deadline DeadlineAfter(std::chrono::milliseconds time);

// Set once, from any thread, and for good.
class Cancellation {
 public:
  Cancellation();
  void Cancel();
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }
  // Readable once it is set.
  int fd() const { return event_.get(); }

 private:
  UniqueFd event_;
  std::atomic<bool> cancelled_{false};
};

// Milliseconds left for poll(2), rounded up; -1: no deadline.
int PollTimeout(Deadline deadline);

enum class WaitResult { kReady, kTimeout, kCancelled };
// Until `fd` is ready for one of `events`, of poll(2).
WaitResult WaitFor(int fd, short events, Deadline deadline, const Cancellation& cancellation);

}  // namespace sluice::otlp
