// A connected Unix stream socket, owned.
#pragma once

#include <string>
#include <utility>

#include "client/rpc/status.h"

namespace sluice::rpc {

// Closes its descriptor when destroyed, if the descriptor is still the socket it was: a program may
// have closed all its descriptors and got the number anew for a file of its own.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd);
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), inode_(other.inode_) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { Close(); }

  // Connects to the socket at `path`, which may be longer than sockaddr_un takes; waits for a busy
  // listener until `deadline`, not at all where that has passed. The descriptor is non-blocking and
  // closed on exec.
  static Status Connect(const std::string& path, Deadline deadline, Socket* socket);

  // -1 where there is none, or where the number now names something else.
  int fd() const { return IsOurs() ? fd_ : -1; }
  void Close();

 private:
  bool IsOurs() const;

  int fd_ = -1;
  uint64_t inode_ = 0;
};

// Milliseconds left for poll(2), rounded up; -1 where there is no deadline.
int PollTimeout(Deadline deadline);

}  // namespace sluice::rpc
