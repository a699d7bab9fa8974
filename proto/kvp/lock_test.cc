#include "proto/kvp/lock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "gtest/gtest.h"
#include "proto/kvp/syscalls_system.h"

namespace sluice::kvp {
namespace {

// What the writers of a pool lock it with: cloud-init and azure-init by flock, hv_kvp_daemon by a
// POSIX lock, libazureinit-kvp by flock and a lock of the open file description.
enum class LockKind { kFlock, kPosix, kOfd };

struct Cell {
  LockKind held;
  LockKind tried;
  bool granted;
};

constexpr Cell kMatrix[] = {
    {LockKind::kFlock, LockKind::kFlock, false}, {LockKind::kFlock, LockKind::kPosix, true},
    {LockKind::kFlock, LockKind::kOfd, true},    {LockKind::kPosix, LockKind::kFlock, true},
    {LockKind::kPosix, LockKind::kPosix, false}, {LockKind::kPosix, LockKind::kOfd, false},
    {LockKind::kOfd, LockKind::kFlock, true},    {LockKind::kOfd, LockKind::kPosix, false},
    {LockKind::kOfd, LockKind::kOfd, false},
};

constexpr const char* kNames[] = {"flock", "POSIX", "OFD"};

const char* Name(LockKind kind) { return kNames[static_cast<int>(kind)]; }

bool TryLock(LockKind kind, int fd) {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  switch (kind) {
    case LockKind::kFlock:
      return SystemSyscalls()->Flock(fd, LOCK_EX | LOCK_NB) == 0;
    case LockKind::kPosix:
      return ::fcntl(fd, F_SETLK, &whole) == 0;
    case LockKind::kOfd:
      return SystemSyscalls()->OfdSetLock(fd, F_WRLCK) == 0;
  }
  return false;
}

class PoolLockTest : public ::testing::Test {
 protected:
  PoolLockTest() : fd_(::mkstemp(path_.data())) {}
  ~PoolLockTest() override {
    ::close(fd_);
    ::unlink(path_.c_str());
  }

  PoolResult<PoolLock> Acquire(int fd, LockMode mode = LockMode::kExclusive) {
    return PoolLock::Acquire(SystemSyscalls(), fd, mode, 0, path_);
  }

  // Whether another process gets the lock now.
  bool GrantedToAnother(LockKind kind) const {
    const pid_t child = ::fork();
    if (child == 0) {
      const int fd = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
      ::_exit(fd >= 0 && TryLock(kind, fd) ? 0 : 1);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  std::string path_ = "/tmp/sluice-lock-XXXXXX";
  int fd_;
};

TEST_F(PoolLockTest, EachKindKeepsOutWhatTheOthersNeed) {
  for (const Cell& cell : kMatrix) {
    const int holder = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_TRUE(TryLock(cell.held, holder));
    EXPECT_EQ(GrantedToAnother(cell.tried), cell.granted)
        << Name(cell.held) << " held, " << Name(cell.tried) << " tried";
    ::close(holder);
  }
}

TEST_F(PoolLockTest, KeepsEveryoneOutAndLetsGoOfAll) {
  for (const LockMode mode : {LockMode::kExclusive, LockMode::kShared}) {
    {
      const PoolResult<PoolLock> lock = Acquire(fd_, mode);
      ASSERT_TRUE(lock.ok()) << lock.error().message;
      for (const LockKind kind : {LockKind::kFlock, LockKind::kPosix, LockKind::kOfd}) {
        EXPECT_FALSE(GrantedToAnother(kind)) << Name(kind);
      }
    }
    for (const LockKind kind : {LockKind::kFlock, LockKind::kPosix, LockKind::kOfd}) {
      EXPECT_TRUE(GrantedToAnother(kind)) << Name(kind);
    }
  }
}

TEST_F(PoolLockTest, IsKeptOutByEachKind) {
  for (const LockKind kind : {LockKind::kFlock, LockKind::kPosix, LockKind::kOfd}) {
    const int holder = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_TRUE(TryLock(kind, holder));
    const PoolResult<PoolLock> lock = Acquire(fd_);
    ASSERT_FALSE(lock.ok()) << Name(kind);
    EXPECT_EQ(lock.error().code, ETIMEDOUT) << Name(kind);
    ::close(holder);
  }
}

TEST_F(PoolLockTest, LetsGoOfTheFlockWhereTheOtherLockIsRefused) {
  const int read_only = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  const PoolResult<PoolLock> lock = Acquire(read_only);
  ASSERT_FALSE(lock.ok());
  EXPECT_EQ(lock.error().code, EBADF);
  EXPECT_NE(lock.error().message.find(path_), std::string::npos) << lock.error().message;
  EXPECT_TRUE(GrantedToAnother(LockKind::kFlock));
  ::close(read_only);
}

}  // namespace
}  // namespace sluice::kvp
