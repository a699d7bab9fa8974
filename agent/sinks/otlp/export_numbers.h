// What has become of the records of one sink, counted for status and in the agent's counters.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "agent/base/clock.h"
#include "agent/base/mutex.h"
#include "agent/self/counters.h"
#include "agent/sinks/export_status.h"
#include "agent/sinks/otlp/transport.h"

namespace sluice::otlp {

// Thread-safe.
class ExportNumbers {
 public:
  // `counters` and `clock` outlive it.
  ExportNumbers(std::string sink, Counters* counters, const Clock* clock);

  const std::string& sink() const { return sink_; }

  // Taken by the destination, which then rejected some of them.
  void Sent(Signal signal, uint64_t count, uint64_t rejected) EXCLUDES(mutex_);
  void Dropped(Signal signal, absl::string_view reason, uid_t uid, uint64_t count) EXCLUDES(mutex_);
  void SetOff(Signal signal, bool is_off) EXCLUDES(mutex_);
  void SetMaxRequestBytes(uint64_t bytes) EXCLUDES(mutex_);
  void SetLastMessage(std::string message) EXCLUDES(mutex_);

  sinks::ExportStatus status() const EXCLUDES(mutex_);

 private:
  sinks::ExportStatus::Signal& of(Signal signal) REQUIRES(mutex_) {
    return status_.signals[static_cast<size_t>(signal)];
  }

  const std::string sink_;
  Counters* const counters_;
  const Clock* const clock_;
  mutable Mutex mutex_;
  sinks::ExportStatus status_ GUARDED_BY(mutex_);
};

}  // namespace sluice::otlp
