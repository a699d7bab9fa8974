#include "agent/sinks/otlp/net/wait.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <climits>
#include <cstdint>

namespace sluice::otlp {

using std::chrono::milliseconds;

Deadline DeadlineAfter(milliseconds time) {
  return time.count() == 0 ? Deadline::max() : std::chrono::steady_clock::now() + time;
}

Cancellation::Cancellation() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Cancellation::Cancel() {
  cancelled_.store(true, std::memory_order_release);
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof(one));
}

int PollTimeout(Deadline deadline) {
  if (deadline == Deadline::max()) return -1;
  const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, INT_MAX));
}

WaitResult WaitFor(int fd, short events, Deadline deadline, const Cancellation& cancellation) {
  pollfd fds[] = {{fd, events, 0}, {cancellation.fd(), POLLIN, 0}};
  while (!cancellation.cancelled()) {
    const int timeout = PollTimeout(deadline);
    const int ready = poll(fds, 2, timeout);
    if (cancellation.cancelled()) break;
    if (fds[0].revents != 0 && ready > 0) return WaitResult::kReady;
    if (timeout == 0) return WaitResult::kTimeout;
  }
  return WaitResult::kCancelled;
}

}  // namespace sluice::otlp
