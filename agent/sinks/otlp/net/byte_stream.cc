#include "agent/sinks/otlp/net/byte_stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>

namespace sluice::otlp {

IoResult FailedIo(int error, short events) {
  if (error == EAGAIN || error == EINTR) {
    return {.kind = IoResult::Kind::kWouldBlock, .wait_events = events};
  }
  return {.kind = IoResult::Kind::kFailed, .error = std::generic_category().message(error)};
}

IoResult PlainStream::Read(char* to, size_t capacity) {
  const ssize_t size = recv(socket_.get(), to, capacity, 0);
  if (size < 0) return FailedIo(errno, POLLIN);
  if (size == 0) return {.kind = IoResult::Kind::kClosed};
  return {.bytes = static_cast<size_t>(size)};
}

IoResult PlainStream::Write(std::span<const iovec> pieces) {
  msghdr message = {};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = std::min<size_t>(pieces.size(), IOV_MAX);
  const ssize_t size = sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
  if (size < 0) return FailedIo(errno, POLLOUT);
  return {.bytes = static_cast<size_t>(size)};
}

}  // namespace sluice::otlp
