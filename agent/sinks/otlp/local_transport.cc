#include "agent/sinks/otlp/local_transport.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <climits>
#include <iterator>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/base/log.h"
#include "agent/base/status_macros.h"
#include "proto/otlp/json_writer.h"

namespace sluice::otlp {
namespace {

const Message& MessageOf(Signal signal) {
  switch (signal) {
    case Signal::kLogs:
      return kLogsRequest;
    case Signal::kMetrics:
      return kMetricsRequest;
    default:
      return kTraceRequest;
  }
}

std::string LineOf(Signal signal, absl::Span<const absl::string_view> request) {
  std::string line;
  AppendJson(MessageOf(signal), absl::StrJoin(request, ""), &line);
  line.push_back('\n');
  return line;
}

// A place on this machine refuses no record: what is wrong is wrong with the place.
Answer AnswerOf(const absl::Status& status) {
  if (status.ok()) return {};
  Answer answer;
  answer.kind = Answer::Kind::kWait;
  answer.message = std::string(status.message());
  return answer;
}

}  // namespace

Answer FileTransport::Send(Signal signal, absl::Span<const absl::string_view> request) {
  if (const absl::Status status = Open(); !status.ok()) return AnswerOf(status);
  if (request.empty()) return {};
  const sinks::LogFile::WriteResult result = file_->Write(LineOf(signal, request));
  // With the line in the file, the next write tells of what went wrong behind it.
  return result.lines == 1 ? Answer() : AnswerOf(result.status);
}

absl::Status FileTransport::Open() {
  if (file_ != nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(file_, sinks::LogFile::Open(options_));
  if (!file_->loose_mode_warning().empty()) LogWarning(file_->loose_mode_warning());
  return absl::OkStatus();
}

Answer FileTransport::Sync() { return file_ == nullptr ? Answer() : AnswerOf(file_->Sync()); }

void FileTransport::Reopen() {
  if (file_ == nullptr) return;
  if (const absl::Status status = file_->Reopen(); !status.ok()) {
    LogWarning(absl::StrCat("keeping the old file: ", status.message()));
  }
}

std::string FileTransport::Describe() const { return absl::StrCat("file://", options_.path); }

// The descriptor is shared with who knows whom, so it cannot be made non-blocking.
StdoutTransport::StdoutTransport(int fd)
    : fd_(fd), cancelled_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Answer StdoutTransport::Send(Signal signal, absl::Span<const absl::string_view> request) {
  if (request.empty()) return {};
  if (rest_.empty()) rest_ = LineOf(signal, request);
  absl::Status status;
  size_t done = 0;
  while (done < rest_.size() && status.ok()) {
    if (!AwaitRoom()) {
      status = absl::UnavailableError("write to stdout: nobody reads it");
      break;
    }
    const ssize_t written = WriteSome(std::string_view(rest_).substr(done));
    if (written >= 0) {
      done += static_cast<size_t>(written);
    } else if (errno != EINTR && errno != EAGAIN) {
      status = ErrnoStatus("write to stdout");
    }
  }
  // Of a line that has not begun, nothing is kept: another request may come first.
  rest_ = done == 0 && !status.ok() ? std::string() : rest_.substr(done);
  return AnswerOf(status);
}

bool StdoutTransport::AwaitRoom() const {
  pollfd waited_for[] = {{.fd = fd_, .events = POLLOUT, .revents = 0},
                         {.fd = cancelled_.get(), .events = POLLIN, .revents = 0}};
  while (::poll(waited_for, std::size(waited_for), -1) < 0 && errno == EINTR) {
  }
  return waited_for[0].revents != 0;
}

// Does not block after AwaitRoom, unless another program fills the room first.
ssize_t StdoutTransport::WriteSome(std::string_view text) const {
  return ::write(fd_, text.data(), std::min<size_t>(text.size(), PIPE_BUF));
}

void StdoutTransport::Cancel() { ::eventfd_write(cancelled_.get(), 1); }

}  // namespace sluice::otlp
