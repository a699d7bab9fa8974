// The sink that writes lines to the agent's own stderr.
#pragma once

#include <string>

#include "agent/lines/builder.h"
#include "agent/sinks/sink.h"

namespace sluice::log_sink {

class StderrSink final : public sinks::Sink {
 public:
  explicit StderrSink(const LineOptions& lines) : builder_(lines) {}

  absl::string_view name() const override { return "stderr"; }
  std::string destination() const override { return "stderr"; }
  absl::Status Open() override { return absl::OkStatus(); }
  void Add(const sinks::Delivery& delivery) override { builder_.Append(delivery, &pending_); }
  absl::Status Commit() override;
  absl::Status Sync() override { return absl::OkStatus(); }
  size_t pending_bytes() const override { return pending_.size(); }

 private:
  const LineBuilder builder_;
  // Not written yet; begins in the middle of a line after a write that fell short.
  std::string pending_;
};

}  // namespace sluice::log_sink
