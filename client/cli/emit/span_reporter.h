// Tells the agent of one span from a thread of its own, so that neither an absent nor a hung agent
// delays what the span is about for long.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "client/cli/emit/record_encoder.h"
#include "client/rpc/status.h"
#include "proto/base/unique_fd.h"

namespace sluice::cli {

// The span's start is sent at once: what runs inside refers to it in its first millisecond. It is
// sent again until the agent has it, so that a span that never ends is known, and with the end
// where that comes first; always under the same number, so that it is stored once.
class SpanReporter {
 public:
  struct Options {
    std::string socket;
    std::string resource;  // encoded
  };

  SpanReporter(Options options, SpanStart start);
  ~SpanReporter();
  SpanReporter(const SpanReporter&) = delete;
  SpanReporter& operator=(const SpanReporter&) = delete;

  // Waits until the agent has the start or failed to take it once, no longer than until `deadline`.
  void WaitForStart(rpc::Deadline deadline);
  // Call once. Returns when the agent has the span or has failed to take it, by `deadline`.
  rpc::Status End(SpanEnd end, rpc::Deadline deadline);

 private:
  void Run();
  void SendStart();
  void TellTried();
  bool WaitForEnd(std::chrono::milliseconds time);
  void SendEnd();

  const Options options_;
  const SpanStart start_;
  const ClientId client_id_;
  const UniqueFd ended_event_;  // readable once end_ is set, which ends a call under way

  // Of the thread alone.
  std::string sent_start_;
  bool start_acknowledged_ = false;

  std::mutex mutex_;
  std::condition_variable tried_;
  std::condition_variable ended_;
  bool is_tried_ = false;       // guarded by mutex_
  std::optional<SpanEnd> end_;  // guarded by mutex_
  rpc::Deadline deadline_;      // likewise; with end_
  rpc::Status status_;          // the thread's until it has ended
  std::thread thread_;
};

}  // namespace sluice::cli
