#include "agent/net/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"

namespace sluice::net {
namespace {

// As the unit has it, which says why.
constexpr int kBacklog = 512;
constexpr size_t kMaxNameBytes = 80;

struct Place {
  UniqueFd directory;
  std::string name;
  std::string path;  // for messages
};

absl::StatusOr<Place> OpenPlace(const std::string& path) {
  const size_t slash = path.rfind('/');
  Place place;
  place.path = path;
  place.name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (place.name.empty() || place.name.size() > kMaxNameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("socket ", path, ": its last part must have 1 to ", kMaxNameBytes, " bytes"));
  }
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  place.directory.reset(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!place.directory) return ErrnoStatus(absl::StrCat("directory of socket ", path));
  return place;
}

// The address by way of the opened directory, so that any path fits.
sockaddr_un AddressOf(const Place& place) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = absl::StrCat("/proc/self/fd/", place.directory.get(), "/", place.name);
  static_assert(sizeof("/proc/self/fd/2147483647/") + kMaxNameBytes <= sizeof(address.sun_path));
  std::memcpy(address.sun_path, text.data(), text.size());
  return address;
}

absl::StatusOr<UniqueFd> NewSocket(const Place& place) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return ErrnoStatus(absl::StrCat("socket ", place.path));
  return fd;
}

// OK: the name is free now.
absl::Status RemoveStale(const Place& place) {
  struct stat found {};
  if (::fstatat(place.directory.get(), place.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? absl::OkStatus() : ErrnoStatus(absl::StrCat("socket ", place.path));
  }
  if (!S_ISSOCK(found.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("socket ", place.path, ": a file that is not a socket has this name"));
  }
  ASSIGN_OR_RETURN(const UniqueFd probe, NewSocket(place));
  const sockaddr_un address = AddressOf(place);
  const int result =
      ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  if (result == 0 || errno != ECONNREFUSED) {
    return absl::AlreadyExistsError(
        absl::StrCat("socket ", place.path, ": another process listens on it"));
  }
  if (::unlinkat(place.directory.get(), place.name.c_str(), 0) != 0) {
    return ErrnoStatus(absl::StrCat("removing the stale socket ", place.path));
  }
  return absl::OkStatus();
}

// bind(2) makes the file with the socket inode's mode less the umask: with `mode` set there before,
// the file is never open to more than it, and is widened to it afterwards.
absl::Status BindWithMode(int fd, const Place& place, mode_t mode) {
  const sockaddr_un address = AddressOf(place);
  if (::fchmod(fd, mode) != 0 ||
      ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::fchmodat(place.directory.get(), place.name.c_str(), mode, AT_SYMLINK_NOFOLLOW) != 0) {
    return ErrnoStatus(absl::StrCat("binding socket ", place.path));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UniqueFd> ListenUnix(const std::string& path, mode_t mode) {
  ASSIGN_OR_RETURN(const Place place, OpenPlace(path));
  RETURN_IF_ERROR(RemoveStale(place));
  ASSIGN_OR_RETURN(UniqueFd fd, NewSocket(place));
  RETURN_IF_ERROR(BindWithMode(fd.get(), place, mode));
  if (::listen(fd.get(), kBacklog) != 0) {
    return ErrnoStatus(absl::StrCat("listening on socket ", path));
  }
  return fd;
}

absl::Status EnsurePrivateDirectory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    return ErrnoStatus(absl::StrCat("directory ", path));
  }
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return ErrnoStatus(absl::StrCat("directory ", path));
  if (!S_ISDIR(found.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a directory"));
  }
  if (found.st_uid != ::geteuid() || (found.st_mode & 0777 & ~mode) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("directory ", path, " belongs to, or is open to, somebody else"));
  }
  return absl::OkStatus();
}

}  // namespace sluice::net
