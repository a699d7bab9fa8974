// How a sink is doing: its state, and how long the call lasts that it is in.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "agent/base/clock.h"
#include "agent/base/mutex.h"
#include "agent/sinks/export_status.h"

namespace sluice::sinks {

// As `sluice status` shows it.
struct SinkStatus {
  std::string name;
  std::string destination;
  std::string state;  // as of SinkHealth
  uint64_t cursor = 0;
  uint64_t written_records = 0;
  uint64_t filtered_records = 0;
  std::string last_error;  // why it is not `ok`; empty while it is
  // When the first entry came that it is not done with; 0: it is done with all that it has read.
  uint64_t oldest_unix_nano = 0;
  uint64_t next_attempt_unix_nano = 0;  // 0: it is waiting for none
  std::optional<ExportStatus> exports;
};

// Set by the worker's thread, read by any.
class SinkHealth {
 public:
  SinkHealth(std::string sink, const Clock* clock) : sink_(std::move(sink)), clock_(clock) {}

  // `starting`, `ok`, `waiting` (the destination is not there yet), `failing` (or in a call that
  // takes too long). `error`: why it is not `ok`; empty while it is.
  struct State {
    std::string name = "starting";
    std::string error;
    uint64_t next_attempt_unix_nano = 0;  // 0: none is waited for
  };
  void Set(absl::string_view name, absl::string_view error) EXCLUDES(mutex_);
  // The same of a call, and says in the log when that changes. `is_last`: it is not repeated.
  void TellFailure(const absl::Status& error, bool is_last) EXCLUDES(mutex_);
  void TellSuccess() EXCLUDES(mutex_);
  // As BootNano, until Set is called next.
  void SetNextAttempt(uint64_t due) EXCLUDES(mutex_);
  State state() const EXCLUDES(mutex_);
  // It is `ok`, and its call has not lasted so long that whoever waits for it waits for a sink that
  // hangs.
  bool is_working() const EXCLUDES(mutex_);

  void BeginCall();
  void EndCall() { in_call_since_ = 0; }
  // How long, but not before `earliest`, the sink has been in the call that it is in; 0: in none.
  std::chrono::nanoseconds CallLasts(uint64_t earliest = 0) const;

 private:
  const std::string sink_;
  const Clock* const clock_;
  bool is_failing_ = false;  // of the worker's thread
  // When the call began; 0: it is in none.
  std::atomic<uint64_t> in_call_since_{0};
  mutable Mutex mutex_;
  State state_ GUARDED_BY(mutex_);
};

}  // namespace sluice::sinks
