#include "client/cli/emit/byte_relay.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace sluice::cli {
namespace {

bool IsTemporary(int error) { return error == EAGAIN || error == EINTR; }

// A socket of which nothing is wanted is left out: its hang-up would be told again and again.
pollfd Interest(int fd, bool read, bool write) {
  const auto events = static_cast<short>((read ? POLLIN : 0) | (write ? POLLOUT : 0));
  return {.fd = events == 0 ? -1 : fd, .events = events, .revents = 0};
}

}  // namespace

bool ByteFlow::Move() { return (!wants_to_read() || Read()) && (!wants_to_write() || Write()); }

bool ByteFlow::Read() {
  const ssize_t got = recv(from_, buffer_.data(), buffer_.size(), 0);
  if (got < 0) return IsTemporary(errno);
  begin_ = 0;
  end_ = static_cast<size_t>(got);
  ended_ = got == 0;
  return !ended_ || shutdown(to_, SHUT_WR) == 0;
}

bool ByteFlow::Write() {
  const ssize_t sent = send(to_, buffer_.data() + begin_, end_ - begin_, MSG_NOSIGNAL);
  if (sent < 0) return IsTemporary(errno);
  begin_ += static_cast<size_t>(sent);
  return true;
}

ByteRelay::ByteRelay(UniqueFd client, rpc::Socket agent)
    : client_(std::move(client)),
      agent_(std::move(agent)),
      to_agent_(client_.get(), agent_.fd()),
      to_client_(agent_.fd(), client_.get()) {}

std::array<pollfd, 2> ByteRelay::Interests() const {
  return {Interest(to_agent_.from(), to_agent_.wants_to_read(), to_client_.wants_to_write()),
          Interest(to_client_.from(), to_client_.wants_to_read(), to_agent_.wants_to_write())};
}

bool ByteRelay::Move() {
  return to_agent_.Move() && to_client_.Move() && !(to_agent_.done() && to_client_.done());
}

}  // namespace sluice::cli
