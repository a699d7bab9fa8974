// The pool's system calls with a fault plan: any call may fail at its nth time, a write may fall
// short, locks may be held by others for a stretch of a clock that only sleeping moves.
#pragma once

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <utility>

#include "proto/kvp/syscalls.h"

namespace sluice::kvp {

enum class Call {
  kOpen,
  kStat,
  kFstat,
  kFlock,
  kOfdLock,
  kFallocate,
  kPwrite,
  kPread,
  kFtruncate,
  kFdatasync,
};
inline constexpr int kCallKinds = 10;

class FaultySyscalls : public PoolSyscalls {
 public:
  // The `nth` (from 1) call of this kind from now on fails with `error`, and so do those after it
  // while `repeat` lasts.
  void Fail(Call call, int error, int nth = 1, int repeat = 1) {
    plans_[Index(call)] = {.error = error, .skip = nth - 1, .repeat = repeat};
  }
  // The `nth` (from 1) overwrite or fallocate from now on takes only `bytes`; the latter fails
  // then.
  void FallShort(Call call, size_t bytes, int nth = 1) {
    short_[Index(call)] = {.bytes = bytes, .skip = nth - 1, .pending = true};
  }
  // Before the next call of this kind.
  void Before(Call call, std::function<void()> act) { before_[Index(call)] = std::move(act); }
  void Heal() {
    plans_ = {};
    short_ = {};
    before_ = {};
  }

  int count(Call call) const { return counts_[Index(call)]; }
  // Calls that took less than they were given.
  int fell_short() const { return fell_short_; }
  // A plan that has not run out.
  bool pending(Call call) const { return plans_[Index(call)].repeat > 0; }

  int Open(const char* path, int flags, mode_t mode) override {
    return Fails(Call::kOpen) ? -1 : PoolSyscalls::Open(path, flags, mode);
  }
  int Stat(const char* path, struct stat* out) override {
    return Fails(Call::kStat) ? -1 : PoolSyscalls::Stat(path, out);
  }
  int Fstat(int fd, struct stat* out) override {
    return Fails(Call::kFstat) ? -1 : PoolSyscalls::Fstat(fd, out);
  }
  int Flock(int fd, int operation) override {
    if (operation == LOCK_UN) return PoolSyscalls::Flock(fd, operation);
    return Fails(Call::kFlock) ? -1 : PoolSyscalls::Flock(fd, operation);
  }
  int OfdSetLock(int fd, short type) override {
    if (type == F_UNLCK) return PoolSyscalls::OfdSetLock(fd, type);
    return Fails(Call::kOfdLock) ? -1 : PoolSyscalls::OfdSetLock(fd, type);
  }
  int Fallocate(int fd, off_t offset, off_t count) override {
    if (Fails(Call::kFallocate)) return -1;
    const off_t room = static_cast<off_t>(Shorten(Call::kFallocate, static_cast<size_t>(count)));
    const int result = PoolSyscalls::Fallocate(fd, offset, room);
    if (room == count) return result;
    errno = ENOSPC;
    return -1;
  }
  ssize_t PwriteWithin(int fd, const void* bytes, size_t count, off_t offset) override {
    if (Fails(Call::kPwrite)) return -1;
    return PoolSyscalls::PwriteWithin(fd, bytes, Shorten(Call::kPwrite, count), offset);
  }
  ssize_t Pread(int fd, void* bytes, size_t count, off_t offset) override {
    return Fails(Call::kPread) ? -1 : PoolSyscalls::Pread(fd, bytes, count, offset);
  }
  int Ftruncate(int fd, off_t size) override {
    return Fails(Call::kFtruncate) ? -1 : PoolSyscalls::Ftruncate(fd, size);
  }
  int Fdatasync(int fd) override {
    return Fails(Call::kFdatasync) ? -1 : PoolSyscalls::Fdatasync(fd);
  }
  uint64_t NowNano() override { return now_nano_; }
  void SleepNano(uint64_t duration) override { now_nano_ += duration; }

 private:
  struct Plan {
    int error = 0;
    int skip = 0;
    int repeat = 0;
  };

  struct Shortage {
    size_t bytes = 0;
    int skip = 0;
    bool pending = false;
  };

  static size_t Index(Call call) { return static_cast<size_t>(call); }

  bool Fails(Call call) {
    ++counts_[Index(call)];
    if (std::function<void()> act = std::exchange(before_[Index(call)], nullptr)) act();
    Plan& plan = plans_[Index(call)];
    if (plan.repeat == 0) return false;
    if (plan.skip > 0) return --plan.skip, false;
    --plan.repeat;
    errno = plan.error;
    return true;
  }

  size_t Shorten(Call call, size_t count) {
    Shortage& shortage = short_[Index(call)];
    if (!shortage.pending) return count;
    if (shortage.skip > 0) return --shortage.skip, count;
    shortage.pending = false;
    if (shortage.bytes >= count) return count;
    ++fell_short_;
    return shortage.bytes;
  }

  std::array<Plan, kCallKinds> plans_{};
  std::array<Shortage, kCallKinds> short_{};
  int fell_short_ = 0;
  std::array<std::function<void()>, kCallKinds> before_{};
  std::array<int, kCallKinds> counts_{};
  uint64_t now_nano_ = 0;
};

}  // namespace sluice::kvp
