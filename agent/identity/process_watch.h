// Tells once when a process is gone, and how it ended where the kernel says.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "agent/base/event_loop.h"
#include "proto/base/unique_fd.h"

namespace sluice::net {

// A process, not merely a number that is used again.
struct ProcessKey {
  pid_t pid = 0;
  uint64_t start_time_ticks = 0;  // 0: not known

  auto operator<=>(const ProcessKey&) const = default;
};

// `exit code 3`, `signal 9 (SIGKILL)`, or `process gone` where nothing more is known (before Linux
// 6.15, or when nobody reaped the process within a second).
using OnProcessGone = std::function<void(const std::string& cause)>;

// Waits by `pidfd` if there is one, else by one it opens (and keeps only if `process` is then still
// the one meant), else, or while descriptors are few, by looking at the start time each second.
// Where neither pid nor pidfd is known there is nothing to wait for and `on_gone` is never called.
class ProcessWatch {
 public:
  // Never calls `on_gone` from within Start. Destroying the watch ends it; `on_gone` may do that.
  static std::unique_ptr<ProcessWatch> Start(EventLoop* loop, const ProcessKey& process,
                                             UniqueFd pidfd, OnProcessGone on_gone);
  virtual ~ProcessWatch() = default;

  // CLOCK_BOOTTIME when the process died, known from then on, before `on_gone`. 0: it has not, or
  // nobody saw it: it was dead when the watch began, or the watch only looks now and then.
  virtual uint64_t died_boot_nano() const { return 0; }
};

// The `cause` for a wait status as of wait(2).
std::string FormatExitCause(int wait_status);

}  // namespace sluice::net
