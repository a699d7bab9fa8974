#include "agent/sinks/kvp/pool_watch.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "tests/support/kvp/pool_directory.h"

namespace sluice::kvp {
namespace {

bool IsReadable(const PoolWatch& watch, int timeout_ms) {
  pollfd poll{.fd = watch.fd(), .events = POLLIN, .revents = 0};
  return ::poll(&poll, 1, timeout_ms) == 1;
}

class PoolWatchTest : public ::testing::Test {
 protected:
  // Makes a directory below the test's, and has the watch see it.
  void MakeSeen(PoolWatch& watch, const std::string& name) {
    ASSERT_TRUE(std::filesystem::create_directory(directory_.file(name)));
    EXPECT_TRUE(IsReadable(watch, 2000)) << name;
    EXPECT_TRUE(watch.Read().ok());
  }

  PoolDirectory directory_;
  const std::string pool_ = directory_.file("lib/hyperv/.kvp_pool_1");
};

TEST_F(PoolWatchTest, SeesADirectoryComeIntoBeingStepByStep) {
  PoolWatch watch = *PoolWatch::Create(pool_);
  EXPECT_FALSE(IsReadable(watch, 0));
  MakeSeen(watch, "lib");
  MakeSeen(watch, "lib/hyperv");
  std::ofstream(pool_) << "";
  EXPECT_TRUE(IsReadable(watch, 2000));
}

TEST_F(PoolWatchTest, SeesADirectoryThatIsMovedThere) {
  ASSERT_TRUE(std::filesystem::create_directories(directory_.file("other/hyperv")));
  PoolWatch watch = *PoolWatch::Create(pool_);
  std::filesystem::rename(directory_.file("other"), directory_.file("lib"));
  EXPECT_TRUE(IsReadable(watch, 2000));
  EXPECT_TRUE(watch.Read().ok());
  std::ofstream(pool_) << "";
  EXPECT_TRUE(IsReadable(watch, 2000));
}

TEST_F(PoolWatchTest, FollowsADirectoryThatIsMadeAnew) {
  ASSERT_TRUE(std::filesystem::create_directories(directory_.file("lib/hyperv")));
  PoolWatch watch = *PoolWatch::Create(pool_);
  std::filesystem::remove_all(directory_.file("lib"));
  EXPECT_TRUE(IsReadable(watch, 2000));
  EXPECT_TRUE(watch.Read().ok());
  MakeSeen(watch, "lib");
  MakeSeen(watch, "lib/hyperv");
}

TEST_F(PoolWatchTest, IsNotWokenByWrites) {
  directory_.Write("");
  PoolWatch watch = *PoolWatch::Create(directory_.pool());
  directory_.AppendBytes("more");
  EXPECT_FALSE(IsReadable(watch, 0));
}

}  // namespace
}  // namespace sluice::kvp
