// A file system that fails on demand: the call of a number, or every changing call for a while.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/file_system.h"

namespace sluice {

// Passes every call on to `base`, which must outlive it, unless it is told to fail it. Thread-safe.
class FaultyFileSystem : public FileSystem {
 public:
  explicit FaultyFileSystem(FileSystem* base) : base_(*base) {}

  // Errors beside those of errno.
  static constexpr int kShortWrite = -1;

  // Call number `number` from now on, counted from 0, fails with `error`. -1: none.
  void FailCall(int64_t number, int error) {
    error_ = error;
    calls_left_ = number;
  }
  // Calls that change anything, syncs included, fail with `error`; 0: no more.
  void RefuseWrites(int error) { refuse_error_ = error; }
  // Fdatasync alone fails.
  void RefuseSyncs(int error) { sync_error_ = error; }
  // Whether the call that FailCall named has come.
  bool has_failed() const { return calls_left_ < 0; }

  int Open(const std::string& path, int flags, mode_t mode) override;
  ssize_t Pwrite(int fd, const char* bytes, size_t size, uint64_t offset) override;
  ssize_t Pwritev(int fd, const iovec* pieces, int count, uint64_t offset) override;
  ssize_t Pread(int fd, char* bytes, size_t size, uint64_t offset) override;
  int Fsync(int fd) override { return IsFailing(true) ? -1 : base_.Fsync(fd); }
  int Fdatasync(int fd) override;
  int Ftruncate(int fd, uint64_t size) override {
    return IsFailing(true) ? -1 : base_.Ftruncate(fd, size);
  }
  int Rename(const std::string& from, const std::string& to) override {
    return IsFailing(true) ? -1 : base_.Rename(from, to);
  }
  int Unlink(const std::string& path) override { return IsFailing(true) ? -1 : base_.Unlink(path); }
  int Mkdir(const std::string& path, mode_t mode) override {
    return IsFailing(true) ? -1 : base_.Mkdir(path, mode);
  }
  int Statvfs(const std::string& path, struct statvfs* result) override {
    return IsFailing(false) ? -1 : base_.Statvfs(path, result);
  }
  int Flock(int fd, int operation) override {
    return IsFailing(false) ? -1 : base_.Flock(fd, operation);
  }
  int64_t FileSize(int fd) override { return IsFailing(false) ? -1 : base_.FileSize(fd); }
  bool IsNamed(int fd, const std::string& path) override { return base_.IsNamed(fd, path); }
  int List(const std::string& path, std::vector<std::string>* names) override {
    return IsFailing(false) ? -1 : base_.List(path, names);
  }

 private:
  // Sets errno.
  bool IsFailing(bool is_change);

  FileSystem& base_;
  std::atomic<int64_t> calls_left_{-1};
  std::atomic<int> error_{0};
  std::atomic<int> refuse_error_{0};
  std::atomic<int> sync_error_{0};
};

}  // namespace sluice
