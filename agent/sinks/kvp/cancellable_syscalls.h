// The machine's calls, whose waits for a lock of the pool another thread can end.
#pragma once

#include <atomic>
#include <cstdint>

#include "proto/kvp/syscalls.h"
#include "proto/kvp/syscalls_system.h"

namespace sluice::kvp {

// Hands every call on to SystemSyscalls(), which a test program replaces.
class CancellableSyscalls final : public PoolSyscalls {
 public:
  // From any thread. Every deadline has passed from here on: a lock is tried for once and no more.
  void Cancel() { cancelled_ = true; }

  int Open(const char* path, int flags, mode_t mode) override {
    return system_->Open(path, flags, mode);
  }
  int Stat(const char* path, struct stat* out) override { return system_->Stat(path, out); }
  int Fstat(int fd, struct stat* out) override { return system_->Fstat(fd, out); }
  int Flock(int fd, int operation) override { return system_->Flock(fd, operation); }
  int OfdSetLock(int fd, short type) override { return system_->OfdSetLock(fd, type); }
  int Fallocate(int fd, off_t offset, off_t count) override {
    return system_->Fallocate(fd, offset, count);
  }
  ssize_t PwriteWithin(int fd, const void* bytes, size_t count, off_t offset) override {
    return system_->PwriteWithin(fd, bytes, count, offset);
  }
  ssize_t Pread(int fd, void* bytes, size_t count, off_t offset) override {
    return system_->Pread(fd, bytes, count, offset);
  }
  int Ftruncate(int fd, off_t size) override { return system_->Ftruncate(fd, size); }
  int Fdatasync(int fd) override { return system_->Fdatasync(fd); }
  uint64_t NowNano() override { return cancelled_ ? kEnd : system_->NowNano(); }
  void SleepNano(uint64_t duration) override { system_->SleepNano(duration); }

 private:
  // 146 years: behind any deadline, and a deadline after it does not wrap.
  static constexpr uint64_t kEnd = UINT64_MAX / 4;

  PoolSyscalls* const system_ = SystemSyscalls();
  std::atomic<bool> cancelled_{false};
};

}  // namespace sluice::kvp
