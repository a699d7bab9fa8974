#include "proto/kvp/syscalls.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace sluice::kvp {
namespace {

constexpr uint64_t kNanoPerSecond = 1'000'000'000;

}  // namespace

int PoolSyscalls::Open(const char* path, int flags, mode_t mode) {
  return ::open(path, flags, mode);
}

int PoolSyscalls::Stat(const char* path, struct stat* out) { return ::stat(path, out); }

int PoolSyscalls::Fstat(int fd, struct stat* out) { return ::fstat(fd, out); }

int PoolSyscalls::Flock(int fd, int operation) { return ::flock(fd, operation); }

int PoolSyscalls::OfdSetLock(int fd, short type) {
  struct flock lock {};  // l_pid must be 0 for this kind of lock
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return ::fcntl(fd, F_OFD_SETLK, &lock);
}

int PoolSyscalls::Fallocate(int fd, off_t offset, off_t count) {
  errno = ::posix_fallocate(fd, offset, count);
  return errno == 0 ? 0 : -1;
}

// A mapping cannot make a file longer. A store behind its end is a signal, but a system call that
// stores there fails; and a process may copy its own memory by one.
ssize_t PoolSyscalls::PwriteWithin(int fd, const void* bytes, size_t count, off_t offset) {
  const off_t in_page = offset % ::sysconf(_SC_PAGESIZE);
  const size_t length = static_cast<size_t>(in_page) + count;
  void* const pages =
      ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset - in_page);
  if (pages == MAP_FAILED) return -1;
  const iovec to{static_cast<char*>(pages) + in_page, count};
  const iovec from{const_cast<void*>(bytes), count};
  const ssize_t copied = ::process_vm_readv(::getpid(), &to, 1, &from, 1, 0);
  const int error = errno;
  ::munmap(pages, length);
  errno = error;
  return copied;
}

ssize_t PoolSyscalls::Pread(int fd, void* bytes, size_t count, off_t offset) {
  return ::pread(fd, bytes, count, offset);
}

int PoolSyscalls::Ftruncate(int fd, off_t size) { return ::ftruncate(fd, size); }

int PoolSyscalls::Fdatasync(int fd) { return ::fdatasync(fd); }

uint64_t PoolSyscalls::NowNano() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kNanoPerSecond + static_cast<uint64_t>(now.tv_nsec);
}

void PoolSyscalls::SleepNano(uint64_t duration) {
  const timespec pause{static_cast<time_t>(duration / kNanoPerSecond),
                       static_cast<long>(duration % kNanoPerSecond)};
  ::nanosleep(&pause, nullptr);
}

}  // namespace sluice::kvp
