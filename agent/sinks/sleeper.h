// A sleep that others end.
#pragma once

#include <atomic>
#include <chrono>

#include "proto/base/unique_fd.h"

namespace sluice::sinks {

class Sleeper {
 public:
  Sleeper();

  // Sleeps for at most so long, or an hour, or until Wake or Cut was called or `fd` is readable
  // (-1: none). True: it is, or Cut was. One thread at a time.
  bool Sleep(std::chrono::nanoseconds longest, int fd);
  // Ends this sleep, or the next one. Thread-safe.
  void Wake();
  // Ends this sleep and tells it not to be repeated. False: there is none. Thread-safe.
  bool Cut();

 private:
  enum class State { kAwake, kAsleep, kCut };

  const UniqueFd event_fd_;
  std::atomic<State> state_{State::kAwake};
};

}  // namespace sluice::sinks
