// A sleep that others end.
#pragma once

#include <chrono>

#include "proto/base/unique_fd.h"

namespace sluice::sinks {

class Sleeper {
 public:
  Sleeper();

  // Sleeps for at most so long, or an hour, or until Wake was called or `fd` is readable (-1:
  // none). True: it is. One thread at a time.
  bool Sleep(std::chrono::nanoseconds longest, int fd);
  // Ends this sleep, or the next one. Thread-safe.
  void Wake();

 private:
  const UniqueFd event_fd_;
};

}  // namespace sluice::sinks
