// Destinations on this machine: requests as lines of OTLP's JSON, in a file that is rotated as the
// log is, or on the agent's stdout.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <memory>
#include <string>

#include "agent/sinks/log_file.h"
#include "agent/sinks/otlp/transport.h"
#include "proto/base/unique_fd.h"

namespace sluice::otlp {

// Opens the file when it has something to write, and again after an error.
class FileTransport final : public Transport {
 public:
  explicit FileTransport(sinks::LogFileOptions options) : options_(std::move(options)) {}

  Answer Send(Signal signal, absl::Span<const absl::string_view> request) override;
  // A write to a file waits for nobody.
  void Cancel() override {}
  Answer Sync() override;
  void Reopen() override;
  std::string Describe() const override;

 private:
  absl::Status Open();

  const sinks::LogFileOptions options_;
  std::unique_ptr<sinks::LogFile> file_;
};

class StdoutTransport final : public Transport {
 public:
  // `fd` stays the caller's; tests name another one.
  explicit StdoutTransport(int fd = STDOUT_FILENO);

  // Waits for a reader, as long as it takes.
  Answer Send(Signal signal, absl::Span<const absl::string_view> request) override;
  void Cancel() override;
  std::string Describe() const override { return "stdout"; }

 private:
  // Until something can be written; false: cancelled before.
  bool AwaitRoom() const;
  ssize_t WriteSome(std::string_view text) const;

  const int fd_;
  const UniqueFd cancelled_;  // an eventfd
  // The end of a line whose beginning is written: it belongs to the request that comes again.
  std::string rest_;
};

}  // namespace sluice::otlp
