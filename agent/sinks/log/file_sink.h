// The sink that writes the log file.
#pragma once

#include <memory>
#include <string>

#include "agent/lines/builder.h"
#include "agent/self/counters.h"
#include "agent/sinks/log/log_file.h"
#include "agent/sinks/sink.h"

namespace sluice::log_sink {

class FileSink final : public sinks::Sink {
 public:
  FileSink(LogFileOptions file, const lines::LineOptions& lines, Counters* counters);

  std::string destination() const override { return options_.path; }
  absl::Status Open() override;
  void Add(const stream::Delivery& delivery) override { builder_.Append(delivery, &pending_); }
  absl::Status Commit() override;
  absl::Status Sync() override { return file_->Sync(); }
  void Reopen() override;
  size_t pending_bytes() const override { return pending_.size(); }

 private:
  const LogFileOptions options_;
  const lines::LineBuilder builder_;
  Counters* const counters_;
  std::unique_ptr<LogFile> file_;
  // Whole lines not written yet.
  std::string pending_;
};

}  // namespace sluice::log_sink
