#include "agent/sinks/log/stderr_sink.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "agent/base/status_macros.h"

namespace sluice::log_sink {

absl::Status StderrSink::Commit() {
  while (!pending_.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, pending_.data(), pending_.size());
    if (written >= 0) {
      pending_.erase(0, static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd wait{STDERR_FILENO, POLLOUT, 0};
      ::poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      return ErrnoStatus("write to stderr");
    }
  }
  return absl::OkStatus();
}

}  // namespace sluice::log_sink
