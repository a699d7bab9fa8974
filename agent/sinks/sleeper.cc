#include "agent/sinks/sleeper.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <iterator>

namespace sluice::sinks {
namespace {

constexpr std::chrono::milliseconds kLongestSleep{3'600'000};

}  // namespace

Sleeper::Sleeper() : event_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

bool Sleeper::Sleep(std::chrono::nanoseconds longest, int fd) {
  const auto wait = std::min(std::chrono::ceil<std::chrono::milliseconds>(longest), kLongestSleep);
  pollfd waited_for[] = {{.fd = event_fd_.get(), .events = POLLIN, .revents = 0},
                         {.fd = fd, .events = POLLIN, .revents = 0}};
  state_ = State::kAsleep;
  ::poll(waited_for, std::size(waited_for), static_cast<int>(wait.count()));
  eventfd_t taken;
  ::eventfd_read(event_fd_.get(), &taken);
  const bool was_cut = state_.exchange(State::kAwake) == State::kCut;
  return was_cut || waited_for[1].revents != 0;
}

bool Sleeper::Cut() {
  State asleep = State::kAsleep;
  if (!state_.compare_exchange_strong(asleep, State::kCut)) return asleep == State::kCut;
  Wake();
  return true;
}

void Sleeper::Wake() { ::eventfd_write(event_fd_.get(), 1); }

}  // namespace sluice::sinks
