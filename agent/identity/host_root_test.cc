#include "agent/identity/host_root.h"

#include <unistd.h>

#include "agent/identity/proc_file.h"
#include "gtest/gtest.h"

namespace sluice::net {
namespace {

// This process as it would be if root had started it.
Identity ThisProcessAsRoot() {
  return {.pid = ::getpid(), .start_time_ticks = ReadProcessStat(::getpid())->start_time_ticks};
}

TEST(HostRootTest, IsRootWhereTheAgentIs) {
  const HostRootVerdict verdict = JudgeHostRoot(ThisProcessAsRoot());
  EXPECT_TRUE(verdict.ok());
  EXPECT_TRUE(verdict.status.ok());
}

TEST(HostRootTest, IsNobodyElse) {
  Identity user = ThisProcessAsRoot();
  user.uid = 5;
  const HostRootVerdict verdict = JudgeHostRoot(user);
  EXPECT_EQ(verdict.reason, "not_root");
  EXPECT_EQ(verdict.status.code(), absl::StatusCode::kPermissionDenied);
}

TEST(HostRootTest, IsNoRootThatCannotBeLookedAt) {
  Identity gone = ThisProcessAsRoot();
  ++gone.start_time_ticks;
  Identity unseen = ThisProcessAsRoot();
  unseen.pid = 0;
  for (const Identity& peer : {gone, unseen}) {
    const HostRootVerdict verdict = JudgeHostRoot(peer);
    EXPECT_EQ(verdict.reason, "container");
    EXPECT_EQ(verdict.status.code(), absl::StatusCode::kPermissionDenied);
  }
}

}  // namespace
}  // namespace sluice::net
