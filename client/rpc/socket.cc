#include "client/rpc/socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

namespace sluice::rpc {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// An open directory, so that a socket in it can be named shortly.
class Directory {
 public:
  explicit Directory(const std::string& path)
      : fd_(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {}
  Directory(const Directory&) = delete;
  ~Directory() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

// connect(2) on a blocking Unix socket waits for room in the listener's backlog, at most so long.
void LimitConnectTime(int fd, Deadline deadline) {
  if (deadline == Deadline::max()) return;
  const auto left =
      std::max(duration_cast<microseconds>(deadline - steady_clock::now()), microseconds(1));
  const timeval timeout = {.tv_sec = left.count() / 1'000'000, .tv_usec = left.count() % 1'000'000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

// 0 or an errno.
int ConnectByName(int fd, const std::string& name) {
  sockaddr_un address = {.sun_family = AF_UNIX};
  if (name.empty() || name.size() >= sizeof(address.sun_path)) return ENAMETOOLONG;
  std::memcpy(address.sun_path, name.data(), name.size());
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  while (connect(fd, generic, sizeof(address)) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

int ConnectByPath(int fd, const std::string& path) {
  if (path.size() < sizeof(sockaddr_un::sun_path)) return ConnectByName(fd, path);
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ENAMETOOLONG;
  const Directory directory(path.substr(0, slash + 1));
  if (directory.fd() < 0) return errno;
  return ConnectByName(fd, "/proc/self/fd/" + std::to_string(directory.fd()) + path.substr(slash));
}

uint64_t Inode(int fd) {
  struct stat info;
  return fd >= 0 && fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode) ? info.st_ino : 0;
}

}  // namespace

Socket::Socket(int fd) : fd_(fd), inode_(Inode(fd)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  Close();
  fd_ = std::exchange(other.fd_, -1);
  inode_ = other.inode_;
  return *this;
}

bool Socket::IsOurs() const { return fd_ >= 0 && Inode(fd_) == inode_; }

void Socket::Close() {
  if (IsOurs()) close(fd_);
  fd_ = -1;
}

Status Socket::Connect(const std::string& path, Deadline deadline, Socket* socket) {
  Socket connecting(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (connecting.fd_ < 0) return ErrnoStatus("cannot create a socket", errno);
  int error = ConnectByPath(connecting.fd_, path);
  if (error == EAGAIN && steady_clock::now() < deadline) {
    fcntl(connecting.fd_, F_SETFL, 0);
    LimitConnectTime(connecting.fd_, deadline);
    error = ConnectByPath(connecting.fd_, path);
    fcntl(connecting.fd_, F_SETFL, O_NONBLOCK);
  }
  if (error != 0) return ErrnoStatus("cannot connect to " + path, error);
  *socket = std::move(connecting);
  return {};
}

int PollTimeout(Deadline deadline) {
  if (deadline == Deadline::max()) return -1;
  const Deadline now = steady_clock::now();
  if (deadline <= now) return 0;
  const auto left = std::chrono::ceil<milliseconds>(deadline - now).count();
  return static_cast<int>(std::min<int64_t>(left, INT_MAX));
}

}  // namespace sluice::rpc
