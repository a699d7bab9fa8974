// The sink that writes lines to the agent's own stderr.
#pragma once

#include <unistd.h>

#include <string>

#include "agent/lines/format.h"
#include "agent/self/counters.h"
#include "agent/sinks/log/fair_lines.h"
#include "agent/sinks/sink.h"
#include "proto/base/unique_fd.h"

namespace sluice::log_sink {

class StderrSink final : public sinks::Sink {
 public:
  // `fd` stays the caller's; tests name another one.
  StderrSink(const lines::LineOptions& lines, Counters* counters, int fd = STDERR_FILENO);

  std::string destination() const override { return "stderr"; }
  absl::Status Open() override { return absl::OkStatus(); }
  void Add(const stream::Delivery& delivery) override { lines_.Append(delivery, &pending_); }
  // Waits for a reader, as long as it takes.
  absl::Status Commit() override;
  absl::Status Sync() override { return absl::OkStatus(); }
  void Cancel() override;
  size_t pending_bytes() const override { return pending_.size(); }

 private:
  // Until something can be written; an error: cancelled before.
  absl::Status AwaitRoom() const;
  // As write(2), and does not block after AwaitRoom unless another program fills the room first.
  ssize_t WriteSome(std::string_view text) const;

  FairLines lines_;
  const int fd_;
  const bool is_file_;
  const bool is_socket_;
  const UniqueFd cancelled_;  // an eventfd
  // Not written yet; begins in the middle of a line after a write that fell short.
  std::string pending_;
};

}  // namespace sluice::log_sink
