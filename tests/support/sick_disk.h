// A machine whose journal lies on a disk that falls ill.
#pragma once

#include <fcntl.h>

#include <atomic>
#include <cerrno>
#include <map>
#include <string>

#include "agent/base/mutex.h"
#include "tests/support/crash_file_system.h"

namespace sluice {

// Below /journal, a disk that fails to sync, as one does whose cable is loose, or can only be read.
class SickDisk : public CrashFileSystem {
 public:
  using CrashFileSystem::CrashFileSystem;

  static constexpr char kPath[] = "/journal";

  enum class Health { kWell, kSyncFails, kReadOnly };
  void SetHealth(Health health) { health_ = health; }
  Health health() const { return health_; }

  int Open(const std::string& path, int flags, mode_t mode) override {
    if ((flags & O_ACCMODE) != O_RDONLY && Refuses(path)) return -1;
    const int fd = CrashFileSystem::Open(path, flags, mode);
    MutexLock lock(&mutex_);
    on_disk_[fd] = IsOnDisk(path);
    return fd;
  }
  ssize_t Pwrite(int fd, const char* bytes, size_t size, uint64_t offset) override {
    if (IsOnDisk(fd) && Refuses(kPath)) return -1;
    return CrashFileSystem::Pwrite(fd, bytes, size, offset);
  }
  ssize_t Pwritev(int fd, const iovec* pieces, int count, uint64_t offset) override {
    if (IsOnDisk(fd) && Refuses(kPath)) return -1;
    return CrashFileSystem::Pwritev(fd, pieces, count, offset);
  }
  int Fdatasync(int fd) override {
    if (!IsOnDisk(fd) || health_ == Health::kWell) return CrashFileSystem::Fdatasync(fd);
    ForgetUnsynced(fd);
    errno = EIO;
    return -1;
  }
  int Ftruncate(int fd, uint64_t size) override {
    return IsOnDisk(fd) && Refuses(kPath) ? -1 : CrashFileSystem::Ftruncate(fd, size);
  }
  int Rename(const std::string& from, const std::string& to) override {
    return Refuses(to) ? -1 : CrashFileSystem::Rename(from, to);
  }
  int Unlink(const std::string& path) override {
    return Refuses(path) ? -1 : CrashFileSystem::Unlink(path);
  }

 private:
  static bool IsOnDisk(const std::string& path) { return path.starts_with(kPath); }
  bool IsOnDisk(int fd) {
    MutexLock lock(&mutex_);
    return on_disk_[fd];
  }
  bool Refuses(const std::string& path) const {
    errno = EROFS;
    return health_ == Health::kReadOnly && IsOnDisk(path);
  }

  std::atomic<Health> health_{Health::kWell};
  Mutex mutex_;
  std::map<int, bool> on_disk_ GUARDED_BY(mutex_);
};

}  // namespace sluice
