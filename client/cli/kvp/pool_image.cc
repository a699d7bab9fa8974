#include "client/cli/kvp/pool_image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "proto/base/unique_fd.h"
#include "proto/kvp/lock.h"
#include "proto/kvp/syscalls_system.h"

namespace sluice::kvp {
namespace {

constexpr uint64_t kLockWaitNano = 1'000'000'000;

cli::Failure Failed(const char* doing, const std::string& path) {
  return {cli::kExitIo, std::string(doing) + " " + path + ": " + std::strerror(errno)};
}

}  // namespace

cli::Result<PoolImage> ReadPool(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return Failed("open", path);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return Failed("stat", path);
  // Of a FIFO nothing would come, as of an empty pool.
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
    return cli::Failure{cli::kExitIo, path + " is no file"};
  }
  // Both shared locks keep every writer out that takes one of them; without them it is read too.
  PoolSyscalls* const system = SystemSyscalls();
  const PoolResult<PoolLock> lock = PoolLock::Acquire(system, fd.get(), LockMode::kShared,
                                                      system->NowNano() + kLockWaitNano, path);
  std::string bytes;
  char buffer[64 * kRecordBytes];
  ssize_t n = 0;
  while ((n = ::read(fd.get(), buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR)) {
    if (n > 0) bytes.append(buffer, static_cast<size_t>(n));
  }
  if (n < 0) return Failed("read", path);
  return PoolImage(std::move(bytes));
}

}  // namespace sluice::kvp
