#include "agent/net/activation.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/base/status_macros.h"

namespace sluice::net {
namespace {

constexpr int kFirstFd = 3;
// systemd's own bound is RLIMIT_NOFILE; we declare two sockets.
constexpr int kMostFds = 64;

std::string TakeEnv(const char* name) {
  const char* value = std::getenv(name);
  std::string taken = value == nullptr ? "" : value;
  ::unsetenv(name);
  return taken;
}

absl::StatusOr<int> SocketOption(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof(value);
  if (::getsockopt(fd, SOL_SOCKET, option, &value, &size) != 0) {
    return ErrnoStatus(absl::StrCat("passed descriptor ", fd));
  }
  return value;
}

absl::Status CheckSocket(int fd, const std::string& name) {
  ASSIGN_OR_RETURN(const int domain, SocketOption(fd, SO_DOMAIN));
  ASSIGN_OR_RETURN(const int type, SocketOption(fd, SO_TYPE));
  ASSIGN_OR_RETURN(const int listens, SocketOption(fd, SO_ACCEPTCONN));
  if (domain == AF_UNIX && type == SOCK_STREAM && listens == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("passed descriptor ", fd, " (", name,
                                                 ") is not a listening Unix stream socket"));
}

absl::Status SetFlags(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
      ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return ErrnoStatus(absl::StrCat("passed descriptor ", fd));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ActivatedSockets> TakeActivatedSockets() {
  const std::string pid = TakeEnv("LISTEN_PID");
  const std::string count_text = TakeEnv("LISTEN_FDS");
  const std::vector<std::string> names = absl::StrSplit(TakeEnv("LISTEN_FDNAMES"), ':');
  ActivatedSockets sockets;
  if (pid.empty() || pid != absl::StrCat(::getpid())) return sockets;

  int count = 0;
  if (!absl::SimpleAtoi(count_text, &count) || count < 0 || count > kMostFds) {
    return absl::InvalidArgumentError(absl::StrCat("LISTEN_FDS is '", count_text, "'"));
  }
  for (int i = 0; i < count; ++i) {
    UniqueFd fd(kFirstFd + i);
    const std::string name =
        static_cast<size_t>(i) < names.size() ? names[static_cast<size_t>(i)] : "";
    RETURN_IF_ERROR(CheckSocket(fd.get(), name));
    RETURN_IF_ERROR(SetFlags(fd.get()));
    if (!sockets.emplace(name, std::move(fd)).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("two passed descriptors are called '", name, "'"));
    }
  }
  return sockets;
}

}  // namespace sluice::net
