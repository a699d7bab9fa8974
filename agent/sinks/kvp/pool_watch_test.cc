#include "agent/sinks/kvp/pool_watch.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "tests/support/kvp/pool_directory.h"

namespace sluice::kvp {
namespace {

using Event = PoolWatch::Event;

// The next event that matters; kNone if none comes in time.
Event Next(PoolWatch& watch) {
  pollfd poll{.fd = watch.fd(), .events = POLLIN, .revents = 0};
  while (::poll(&poll, 1, 2000) > 0) {
    const absl::StatusOr<Event> event = watch.Read();
    EXPECT_TRUE(event.ok()) << event.status();
    if (!event.ok() || *event != Event::kNone) return event.value_or(Event::kNone);
  }
  return Event::kNone;
}

TEST(PoolWatchTest, SeesTheFileAppearAndGo) {
  PoolDirectory directory;
  PoolWatch watch = *PoolWatch::Create(directory.pool());
  directory.Write("");
  EXPECT_EQ(Next(watch), Event::kAppeared);
  std::filesystem::remove(directory.pool());
  EXPECT_EQ(Next(watch), Event::kDisappeared);
  directory.Write("");
  EXPECT_EQ(Next(watch), Event::kAppeared);
}

TEST(PoolWatchTest, SeesTheFileReplaced) {
  PoolDirectory directory;
  directory.Write("");
  PoolWatch watch = *PoolWatch::Create(directory.pool());
  std::filesystem::rename(directory.pool(), directory.file("held"));  // keeps its inode in use
  std::ofstream(directory.file("other")) << "";
  std::filesystem::rename(directory.file("other"), directory.pool());
  EXPECT_EQ(Next(watch), Event::kReplaced);
}

TEST(PoolWatchTest, SeesADirectoryComeIntoBeingStepByStep) {
  PoolDirectory directory;
  const std::string pool = directory.file("lib/hyperv/.kvp_pool_1");
  PoolWatch watch = *PoolWatch::Create(pool);
  ASSERT_TRUE(std::filesystem::create_directory(directory.file("lib")));
  EXPECT_EQ(*watch.Read(), Event::kNone);
  ASSERT_TRUE(std::filesystem::create_directory(directory.file("lib/hyperv")));
  EXPECT_EQ(Next(watch), Event::kAppeared);
  std::ofstream(pool) << "";
  EXPECT_EQ(Next(watch), Event::kAppeared);
}

TEST(PoolWatchTest, FollowsADirectoryThatIsMadeAnew) {
  PoolDirectory directory;
  const std::string pool = directory.file("hyperv/.kvp_pool_1");
  ASSERT_TRUE(std::filesystem::create_directory(directory.file("hyperv")));
  PoolWatch watch = *PoolWatch::Create(pool);
  std::filesystem::remove(directory.file("hyperv"));
  EXPECT_EQ(*watch.Read(), Event::kNone);
  ASSERT_TRUE(std::filesystem::create_directory(directory.file("hyperv")));
  EXPECT_EQ(Next(watch), Event::kAppeared);
  std::ofstream(pool) << "";
  EXPECT_EQ(Next(watch), Event::kAppeared);
}

TEST(PoolWatchTest, IsNotWokenByWrites) {
  PoolDirectory directory;
  directory.Write("");
  PoolWatch watch = *PoolWatch::Create(directory.pool());
  directory.AppendBytes("more");
  pollfd poll{.fd = watch.fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&poll, 1, 0), 0);
}

}  // namespace
}  // namespace sluice::kvp
