#include "client/cli/kvp/pool_image.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace sluice::kvp {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLockWait{1000};
constexpr milliseconds kLockPause{5};

// Both shared locks, which exclude every writer that takes one of them; false: not to be had.
bool TryLock(int fd) {
  struct flock whole_file {};
  whole_file.l_type = F_RDLCK;
  whole_file.l_whence = SEEK_SET;
  return ::flock(fd, LOCK_SH | LOCK_NB) == 0 && ::fcntl(fd, F_OFD_SETLK, &whole_file) == 0;
}

void WaitForWriters(int fd) {
  const auto deadline = std::chrono::steady_clock::now() + kLockWait;
  while (!TryLock(fd) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kLockPause);
  }
}

cli::Failure Failed(const char* doing, const std::string& path) {
  return {cli::kExitIo, std::string(doing) + " " + path + ": " + std::strerror(errno)};
}

std::string PoolPath(const std::string& directory, int pool) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) == 0 && S_ISREG(status.st_mode)) return directory;
  return directory + "/.kvp_pool_" + std::to_string(pool);
}

}  // namespace

cli::Result<PoolImage> ReadPool(const std::string& directory, int pool) {
  const std::string path = PoolPath(directory, pool);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Failed("open", path);
  WaitForWriters(fd);
  std::string bytes;
  char buffer[64 * kRecordBytes];
  ssize_t n = 0;
  while ((n = ::read(fd, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR)) {
    if (n > 0) bytes.append(buffer, static_cast<size_t>(n));
  }
  const int read_error = errno;
  ::close(fd);
  errno = read_error;
  if (n < 0) return Failed("read", path);
  return PoolImage(std::move(bytes));
}

}  // namespace sluice::kvp
