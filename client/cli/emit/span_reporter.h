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

namespace sluice::cli {

// The span's start is sent at once: what runs inside refers to it in its first millisecond. A start
// that was not acknowledged goes again with the end, under the same number, so that it is stored
// once.
class SpanReporter {
 public:
  struct Options {
    std::string socket;
    std::string resource;  // encoded
    std::chrono::milliseconds start_timeout{250};
  };

  SpanReporter(Options options, SpanStart start);
  ~SpanReporter();
  SpanReporter(const SpanReporter&) = delete;
  SpanReporter& operator=(const SpanReporter&) = delete;

  // Waits until the agent has the start or failed to take it, no longer than until `deadline`.
  void WaitForStart(rpc::Deadline deadline);
  // Call once. Returns when the agent has the span or has failed to take it, by `deadline` or by
  // the end of a start_timeout that has begun.
  rpc::Status End(SpanEnd end, rpc::Deadline deadline);

 private:
  void Run();
  void SendStart();
  void SendEnd();

  const Options options_;
  const SpanStart start_;
  const ClientId client_id_;

  // Of the thread alone.
  std::string sent_start_;
  bool start_acknowledged_ = false;

  std::mutex mutex_;
  std::condition_variable started_;
  std::condition_variable ended_;
  bool is_started_ = false;     // guarded by mutex_
  std::optional<SpanEnd> end_;  // guarded by mutex_
  rpc::Deadline deadline_;      // likewise; with end_
  rpc::Status status_;          // the thread's until it has ended
  std::thread thread_;
};

}  // namespace sluice::cli
