#include "agent/identity/live_process.h"

#include <unistd.h>

#include "gtest/gtest.h"
#include "tests/support/child.h"

namespace sluice::net {
namespace {

TEST(LiveProcessTest, TellsWhoseItIsAndWhenItBegan) {
  const Child child(0);
  const auto found = FindLiveProcess(child.key().pid);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->start_time_ticks, child.key().start_time_ticks);
  EXPECT_EQ(found->uid, ::geteuid());
  EXPECT_TRUE(found->pidfd);
}

TEST(LiveProcessTest, FindsNoneThatHasEndedReapedOrNot) {
  Child child(0);
  child.Exit();
  child.AwaitExit();
  EXPECT_EQ(FindLiveProcess(child.key().pid).status().code(), absl::StatusCode::kNotFound);
  child.Reap();
  EXPECT_EQ(FindLiveProcess(child.key().pid).status().code(), absl::StatusCode::kNotFound);
}

TEST(LiveProcessTest, FindsNoneForAGroupOrEverybody) {
  EXPECT_EQ(FindLiveProcess(0).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(FindLiveProcess(-1).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace sluice::net
