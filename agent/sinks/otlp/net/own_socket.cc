#include "agent/sinks/otlp/net/own_socket.h"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <memory>

namespace sluice::otlp {
namespace {

bool Listens(int fd) {
  int listens = 0;
  socklen_t size = sizeof(listens);
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0;
}

// Empty: bound to no path.
std::string BoundPath(int fd) {
  sockaddr_un address = {};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      address.sun_family != AF_UNIX || size <= offsetof(sockaddr_un, sun_path)) {
    return {};
  }
  const std::string path(address.sun_path, size - offsetof(sockaddr_un, sun_path));
  return path.substr(0, path.find('\0'));
}

bool IsSameFile(const struct stat& file, const std::string& path) {
  struct stat other;
  return !path.empty() && stat(path.c_str(), &other) == 0 && other.st_dev == file.st_dev &&
         other.st_ino == file.st_ino;
}

}  // namespace

// The descriptors are asked, not the configuration: a service manager may have opened them.
bool IsOwnSocket(const std::string& path) {
  struct stat file;
  if (stat(path.c_str(), &file) != 0) return false;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"), closedir);
  if (!folder) return false;
  while (const dirent* const entry = readdir(folder.get())) {
    const int fd = std::atoi(entry->d_name);
    if (entry->d_name[0] != '.' && Listens(fd) && IsSameFile(file, BoundPath(fd))) return true;
  }
  return false;
}

bool HasOwnPeer(int socket) {
  ucred peer = {};
  socklen_t size = sizeof(peer);
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == getpid();
}

}  // namespace sluice::otlp
