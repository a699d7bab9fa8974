// The pool's system calls for an agent under test, linked instead of the machine's own: every
// write, overwrite and ftruncate is checked before it is made, and one that would change a byte of
// a foreign record ends the agent.
//
// POOL_WITHOUT_LOCK in the environment, `flock` or `ofd`, leaves that lock out.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>

#include "proto/kvp/key.h"
#include "proto/kvp/slot.h"
#include "proto/kvp/store.h"
#include "proto/kvp/syscalls.h"
#include "proto/kvp/syscalls_system.h"

namespace sluice::kvp {
namespace {

constexpr std::string_view kOwnKeys[] = {"sluice-", kReportKey};
constexpr int kForeignHarmed = 86;

bool IsOwn(std::string_view record) {
  return std::any_of(std::begin(kOwnKeys), std::end(kOwnKeys),
                     [record](std::string_view key) { return record.starts_with(key); });
}

std::string LockLeftOut() {
  const char* const name = ::getenv("POOL_WITHOUT_LOCK");
  return name == nullptr ? "" : name;
}

class WatchedSyscalls : public PoolSyscalls {
 public:
  int Flock(int fd, int operation) override {
    return without_ == "flock" ? 0 : PoolSyscalls::Flock(fd, operation);
  }
  int OfdSetLock(int fd, short type) override {
    return without_ == "ofd" ? 0 : PoolSyscalls::OfdSetLock(fd, type);
  }
  ssize_t PwriteWithin(int fd, const void* bytes, size_t count, off_t offset) override {
    RequireOwn("overwrite", fd, offset, offset + static_cast<off_t>(count));
    return PoolSyscalls::PwriteWithin(fd, bytes, count, offset);
  }
  int Ftruncate(int fd, off_t size) override {
    struct stat status {};
    if (::fstat(fd, &status) == 0) RequireOwn("ftruncate", fd, size, status.st_size);
    return PoolSyscalls::Ftruncate(fd, size);
  }

 private:
  // Each whole record from `begin` to `end` is ours or empty, which is nobody's: an append
  // makes them first. Nor is a torn one at the end anybody's.
  void RequireOwn(const char* call, int fd, off_t begin, off_t end) {
    std::string record(kRecordBytes, '\0');
    const off_t step = static_cast<off_t>(kRecordBytes);
    for (; begin + step <= end; begin += step) {
      if (::pread(fd, record.data(), record.size(), begin) != step) continue;  // beyond the end now
      if (!IsOwn(record) && !IsHole(record)) Harmed(call, begin);
    }
  }

  [[noreturn]] void Harmed(const char* call, off_t offset) {
    std::fprintf(stderr, "watched_sluiced: %s at %lld hits a foreign record\n", call,
                 static_cast<long long>(offset));
    ::_exit(kForeignHarmed);
  }

  const std::string without_ = LockLeftOut();
};

}  // namespace

PoolSyscalls* SystemSyscalls() {
  static PoolSyscalls* const watched = new WatchedSyscalls;
  return watched;
}

}  // namespace sluice::kvp
