#include "agent/identity/live_process.h"

#include <unistd.h>

#include "gtest/gtest.h"
#include "tests/support/child.h"

namespace sluice::net {
namespace {

TEST(LiveProcessTest, TellsWhenItBegan) {
  const Child child(0);
  for (const uid_t whose : {::geteuid(), uid_t{0}}) {
    const auto found = FindLiveProcess(child.key().pid, whose);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->start_time_ticks, child.key().start_time_ticks);
    EXPECT_TRUE(found->pidfd);
  }
}

TEST(LiveProcessTest, FindsNoneOfAnotherUser) {
  const Child child(0);
  EXPECT_EQ(FindLiveProcess(child.key().pid, ::geteuid() + 1).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST(LiveProcessTest, FindsNoneThatHasEndedReapedOrNot) {
  Child child(0);
  child.Exit();
  child.AwaitExit();
  EXPECT_EQ(FindLiveProcess(child.key().pid, 0).status().code(), absl::StatusCode::kNotFound);
  child.Reap();
  EXPECT_EQ(FindLiveProcess(child.key().pid, 0).status().code(), absl::StatusCode::kNotFound);
}

TEST(LiveProcessTest, FindsNoneForAGroupOrEverybody) {
  EXPECT_EQ(FindLiveProcess(0, 0).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(FindLiveProcess(-1, 0).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace sluice::net
