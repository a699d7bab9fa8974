#include "agent/sinks/log/file_sink.h"

#include <utility>

#include "agent/base/log.h"
#include "agent/base/status_macros.h"

namespace sluice::log_sink {
namespace {

// Bytes of the first `count` lines.
size_t LengthOfLines(const std::string& text, size_t count) {
  size_t length = 0;
  for (; count > 0; --count) length = text.find('\n', length) + 1;
  return length;
}

}  // namespace

FileSink::FileSink(LogFileOptions file, const lines::LineOptions& lines, Counters* counters)
    : options_(std::move(file)), builder_(lines), counters_(counters) {}

absl::Status FileSink::Open() {
  ASSIGN_OR_RETURN(file_, LogFile::Open(options_));
  if (!file_->loose_mode_warning().empty()) {
    LogWarning(file_->loose_mode_warning());
    counters_->Add("file.loose_mode");
  }
  return absl::OkStatus();
}

absl::Status FileSink::Commit() {
  if (pending_.empty()) return absl::OkStatus();
  const LogFile::WriteResult result = file_->Write(pending_);
  if (result.status.ok()) {
    pending_.clear();
  } else {
    pending_.erase(0, LengthOfLines(pending_, result.lines));
    counters_->Add("file.write_failed");
  }
  return result.status;
}

void FileSink::Reopen() {
  if (file_ == nullptr) return;
  if (const absl::Status status = file_->Reopen(); !status.ok()) {
    LogWarning(absl::StrCat("keeping the old log file: ", status.message()));
  }
}

}  // namespace sluice::log_sink
