// The system calls of the pool's store, one virtual function each. The class itself makes the real
// calls; a test overrides one to make it fail, to record it or to leave a lock out.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace sluice::kvp {

// Every function up to Fdatasync() is the call of its name, if nothing else is said: -1 and errno
// on failure.
class PoolSyscalls {
 public:
  virtual ~PoolSyscalls() = default;

  virtual int Open(const char* path, int flags, mode_t mode);
  virtual int Stat(const char* path, struct stat* out);
  virtual int Fstat(int fd, struct stat* out);
  virtual int Flock(int fd, int operation);
  // fcntl(F_OFD_SETLK) over the whole file; `type` is F_RDLCK, F_WRLCK or F_UNLCK.
  virtual int OfdSetLock(int fd, short type);
  // posix_fallocate(3): makes the file longer with room for `count` bytes of zeros at `offset`.
  virtual int Fallocate(int fd, off_t offset, off_t count);
  // Like pwrite(2), but never makes the file longer: what lies behind its end is not written, and
  // where all of it does, the error is EFAULT. So does a disk that fails or is full show here.
  // `fd` is open for reading and writing.
  virtual ssize_t PwriteWithin(int fd, const void* bytes, size_t count, off_t offset);
  virtual ssize_t Pread(int fd, void* bytes, size_t count, off_t offset);
  virtual int Ftruncate(int fd, off_t size);
  virtual int Fdatasync(int fd);

  // CLOCK_MONOTONIC.
  virtual uint64_t NowNano();
  virtual void SleepNano(uint64_t duration);
};

}  // namespace sluice::kvp
