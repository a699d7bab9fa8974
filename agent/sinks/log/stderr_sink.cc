#include "agent/sinks/log/stderr_sink.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <iterator>
#include <string_view>

#include "agent/base/status_macros.h"

// The descriptor is shared with who knows whom, so it cannot be made non-blocking. A socket is
// written to with a flag; into a pipe or terminal goes as much at a time as poll(2) promises room
// for.

namespace sluice::log_sink {
namespace {

bool HasType(int fd, mode_t type) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && (info.st_mode & S_IFMT) == type;
}

}  // namespace

StderrSink::StderrSink(const lines::LineOptions& lines, Counters* counters, int fd)
    : lines_(lines, "stderr", counters),
      fd_(fd),
      is_file_(HasType(fd, S_IFREG)),
      is_socket_(HasType(fd, S_IFSOCK)),
      cancelled_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

absl::Status StderrSink::Commit() {
  lines_.Count();
  absl::Status status;
  size_t done = 0;
  while (done < pending_.size() && status.ok()) {
    status = AwaitRoom();
    if (!status.ok()) break;
    const ssize_t written = WriteSome(std::string_view(pending_).substr(done));
    if (written >= 0) {
      done += static_cast<size_t>(written);
    } else if (errno != EINTR && errno != EAGAIN) {
      status = ErrnoStatus("write to stderr");
    }
  }
  pending_.erase(0, done);
  return status;
}

absl::Status StderrSink::AwaitRoom() const {
  pollfd waited_for[] = {{.fd = fd_, .events = POLLOUT, .revents = 0},
                         {.fd = cancelled_.get(), .events = POLLIN, .revents = 0}};
  while (::poll(waited_for, std::size(waited_for), -1) < 0 && errno == EINTR) {
  }
  if (waited_for[0].revents != 0) return absl::OkStatus();
  return absl::UnavailableError("write to stderr: nobody reads it");
}

ssize_t StderrSink::WriteSome(std::string_view text) const {
  if (is_socket_) return ::send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (!is_file_) text = text.substr(0, PIPE_BUF);
  return ::write(fd_, text.data(), text.size());
}

void StderrSink::Cancel() { ::eventfd_write(cancelled_.get(), 1); }

}  // namespace sluice::log_sink
