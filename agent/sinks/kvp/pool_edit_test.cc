// What root changes, and what the keeper makes of it afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/kvp/edit_file.h"
#include "tests/support/kvp/keeper_harness.h"

namespace sluice::kvp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TEST(PoolEditTest, PutsTheReportOverThoseOfOtherProgramsAndMovesNothing) {
  KeeperHarness keeper;
  const std::string theirs = RawRecord("PROVISIONING_REPORT", "theirs");
  keeper.directory.Write(RawRecord("a", "1") + theirs + RawRecord("b", "2") + theirs +
                         RawRecord("c", "3"));
  ASSERT_TRUE(keeper->Upsert("PROVISIONING_REPORT", "ours").ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("a=1", "PROVISIONING_REPORT=ours", "b=2",
                                          "PROVISIONING_REPORT=ours", "c=3"));
  EXPECT_EQ(keeper->usage().own, 1u);
  ASSERT_TRUE(keeper->Upsert("PROVISIONING_REPORT", "again").ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("a=1", "PROVISIONING_REPORT=again", "b=2",
                                          "PROVISIONING_REPORT=again", "c=3"));
}

TEST(PoolEditTest, PutsTheReportOverOneThatCameLater) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Upsert("PROVISIONING_REPORT", "ours").ok());
  keeper.directory.AppendBytes(RawRecord("PROVISIONING_REPORT", "theirs"));
  ASSERT_TRUE(keeper->Append({Entry("c")}).ok());
  ASSERT_TRUE(keeper->Upsert("PROVISIONING_REPORT", "again").ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("PROVISIONING_REPORT=again", "PROVISIONING_REPORT=again",
                                          "sluice|c=text 0"));
  keeper.Start();
  keeper.directory.Write("");
  ASSERT_TRUE(keeper->Reconcile().ok());
  EXPECT_THAT(keeper.texts(), UnorderedElementsAre("sluice|c=text 0", "PROVISIONING_REPORT=again"))
      << "it is ours now";
}

TEST(PoolEditTest, LeavesToRootWhatRootWrites) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Append({Entry("a"), Entry("b")}).ok());
  const PoolEdit upsert{.kind = PoolEdit::Kind::kUpsert, .records = {{"sluice|a", "root's"}}};
  ASSERT_TRUE(keeper->Edit(upsert).ok());
  const PoolEdit append{.kind = PoolEdit::Kind::kAppend, .records = {{"k", "1"}, {"k", "2"}}};
  ASSERT_TRUE(keeper->Edit(append).ok());
  ASSERT_TRUE(keeper->Reconcile().ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("sluice|a=root's", "sluice|b=text 0", "k=1", "k=2"));
  const PoolEdit load{.kind = PoolEdit::Kind::kLoad, .records = {{"k", "3"}}};
  ASSERT_TRUE(keeper->Edit(load).ok());
  ASSERT_TRUE(keeper->Append({Entry("a"), Entry("b"), Entry("c")}).ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("k=3", "sluice|c=text 0"));
}

TEST(PoolEditTest, RemembersRootsClear) {
  KeeperHarness keeper;
  keeper.directory.Write(Foreign(2));
  ASSERT_TRUE(keeper->Append({Entry("a"), Entry("b")}).ok());
  ASSERT_TRUE(keeper->Edit({.kind = PoolEdit::Kind::kClear}).ok());
  EXPECT_THAT(keeper.texts(), IsEmpty());
  keeper.Start();
  ASSERT_TRUE(keeper->Append({Entry("a"), Entry("c")}).ok());  // a is replayed
  EXPECT_THAT(keeper.texts(), ElementsAre("sluice|c=text 0"));
}

TEST(PoolEditTest, RemembersRootsDelete) {
  KeeperHarness keeper;
  keeper.directory.Write(RawRecord("k", "1") + RawRecord("k", "2"));
  ASSERT_TRUE(keeper->Append({Entry("a"), Entry("b"), Entry("c")}).ok());
  EXPECT_EQ(*keeper->Edit({.kind = PoolEdit::Kind::kRemove, .keys = {"sluice|a", "k", "missing"}}),
            3u);
  EXPECT_THAT(keeper.texts(), ElementsAre("sluice|c=text 0", "sluice|b=text 0"));
  keeper.Start();
  ASSERT_TRUE(keeper->Append({Entry("a"), Entry("b"), Entry("d")}).ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("sluice|c=text 0", "sluice|b=text 0", "sluice|d=text 0"));
}

// Without asking the agent, which runs or not.
class EditWithoutAgentTest : public ::testing::TestWithParam<bool> {
 protected:
  void Edit(const PoolEdit& edit) {
    const PoolResult<size_t> done = EditPoolFile({.path = keeper_.directory.pool()}, edit);
    ASSERT_TRUE(done.ok()) << done.error().message;
    if (GetParam()) keeper_.Start();
  }

  KeeperHarness keeper_;
};

TEST_P(EditWithoutAgentTest, ADeleteIsRemembered) {
  ASSERT_TRUE(keeper_->Append({Entry("a"), Entry("b")}).ok());
  ASSERT_TRUE(keeper_->Upsert("PROVISIONING_REPORT", "wrong").ok());
  Edit({.kind = PoolEdit::Kind::kRemove, .keys = {"PROVISIONING_REPORT", "sluice|a"}});
  ASSERT_TRUE(keeper_->Append({Entry("a"), Entry("c")}).ok());  // a is replayed
  EXPECT_THAT(keeper_.texts(), ElementsAre("sluice|b=text 0", "sluice|c=text 0"));
  ASSERT_TRUE(keeper_->Upsert("PROVISIONING_REPORT", "right").ok());
  keeper_.directory.Write("");
  ASSERT_TRUE(keeper_->Reconcile().ok());
  EXPECT_EQ(keeper_.Count("PROVISIONING_REPORT"), 1u) << "what came later is kept";
}

TEST_P(EditWithoutAgentTest, AClearIsRemembered) {
  ASSERT_TRUE(keeper_->Append({Entry("a"), Entry("b")}).ok());
  Edit({.kind = PoolEdit::Kind::kClear});
  ASSERT_TRUE(keeper_->Append({Entry("b"), Entry("c")}).ok());
  EXPECT_THAT(keeper_.texts(), ElementsAre("sluice|c=text 0"));
  keeper_.directory.Write(Foreign(1));
  ASSERT_TRUE(keeper_->Reconcile().ok());
  EXPECT_EQ(keeper_.Count("sluice|c"), 1u);
}

TEST_P(EditWithoutAgentTest, RootsOwnReportStands) {
  ASSERT_TRUE(keeper_->Upsert("PROVISIONING_REPORT", "agent's").ok());
  Edit({.kind = PoolEdit::Kind::kUpsert, .records = {{"PROVISIONING_REPORT", "root's"}}});
  ASSERT_TRUE(keeper_->Reconcile().ok());
  EXPECT_THAT(keeper_.texts(), ElementsAre("PROVISIONING_REPORT=root's"));
}

TEST_P(EditWithoutAgentTest, WhatRootWroteOverAnEventStands) {
  ASSERT_TRUE(keeper_->Append({Entry("a"), Entry("b")}).ok());
  Edit({.kind = PoolEdit::Kind::kUpsert, .records = {{"sluice|a", "root's"}}});
  ASSERT_TRUE(keeper_->Append({Entry("c")}).ok());
  EXPECT_THAT(keeper_.texts(),
              ElementsAre("sluice|a=root's", "sluice|b=text 0", "sluice|c=text 0"));
}

TEST_P(EditWithoutAgentTest, AnEditThroughTheAgentRestoresNothing) {
  ASSERT_TRUE(keeper_->Append({Entry("a"), Entry("b")}).ok());
  Edit({.kind = PoolEdit::Kind::kRemove, .keys = {"sluice|a"}});
  ASSERT_TRUE(keeper_->Edit({.kind = PoolEdit::Kind::kAppend, .records = {{"k", "1"}}}).ok());
  EXPECT_EQ(keeper_.Count("sluice|a"), 0u);
}

TEST_P(EditWithoutAgentTest, WhatWasLostBeforeIsNotRestored) {
  ASSERT_TRUE(keeper_->Append({Entry("a")}).ok());
  ASSERT_TRUE(keeper_->Upsert("PROVISIONING_REPORT", "wrong").ok());
  keeper_.directory.Write("");  // another program's truncation
  Edit({.kind = PoolEdit::Kind::kRemove, .keys = {"PROVISIONING_REPORT"}});
  Edit({.kind = PoolEdit::Kind::kClear});
  ASSERT_TRUE(keeper_->Append({Entry("b")}).ok());
  EXPECT_THAT(keeper_.texts(), ElementsAre("sluice|b=text 0"));
}

TEST_P(EditWithoutAgentTest, ManyWritesHideNoClear) {
  ASSERT_TRUE(keeper_->Append({Entry("a")}).ok());
  for (int i = 0; i < 1100; ++i) {
    const PoolEdit write{.kind = PoolEdit::Kind::kUpsert, .records = {{absl::StrCat(i), "v"}}};
    ASSERT_TRUE(EditPoolFile({.path = keeper_.directory.pool()}, write).ok() || i >= 1000);
  }
  Edit({.kind = PoolEdit::Kind::kClear});
  ASSERT_TRUE(keeper_->Append({Entry("b")}).ok());
  EXPECT_THAT(keeper_.texts(), ElementsAre("sluice|b=text 0"));
}

// As of a tool that failed, or was killed once it had noted what it was about to do.
TEST_P(EditWithoutAgentTest, WhatWasNotDoneChangesNothing) {
  ASSERT_TRUE(keeper_->Append({Entry("a")}).ok());
  FaultySyscalls bad;
  bad.Fail(Call::kFtruncate, EIO);
  const PoolEdit clear{.kind = PoolEdit::Kind::kClear};
  ASSERT_FALSE(EditPoolFile({.path = keeper_.directory.pool(), .syscalls = &bad}, clear).ok());
  if (GetParam()) keeper_.Start();
  ASSERT_TRUE(keeper_->Append({Entry("b")}).ok());
  ASSERT_TRUE(keeper_->Upsert("PROVISIONING_REPORT", "newer").ok());
  EXPECT_EQ(keeper_->usage().own, 3u);
  keeper_.directory.Write(Foreign(1));
  ASSERT_TRUE(keeper_->Reconcile().ok());
  EXPECT_EQ(keeper_.texts().size(), 4u);
}

INSTANTIATE_TEST_SUITE_P(AliveOrRestarted, EditWithoutAgentTest, ::testing::Bool());

TEST(PoolEditTest, AClearTakesNothingThatWaitsToBeWritten) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Append({Entry("old")}).ok());
  keeper.syscalls.Fail(Call::kFallocate, ENOSPC);
  ASSERT_FALSE(keeper->Append({Entry("new")}).ok());
  ASSERT_TRUE(keeper->Edit({.kind = PoolEdit::Kind::kClear}).ok());
  ASSERT_TRUE(keeper->Append({Entry("new")}).ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("sluice|new=text 0"));
}

TEST(PoolEditTest, ANoteTakesNothingThatCameAfterIt) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Append({Entry("old")}).ok());
  ASSERT_TRUE(
      EditPoolFile({.path = keeper.directory.pool()}, {.kind = PoolEdit::Kind::kClear}).ok());
  keeper.syscalls.Fail(Call::kFallocate, ENOSPC);
  ASSERT_FALSE(keeper->Append({Entry("new")}).ok());
  keeper.Start();
  ASSERT_TRUE(keeper->Append({Entry("new")}).ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("sluice|new=text 0"));
}

TEST(PoolEditTest, ManyWritesOfOneKeyPushOutNoRemoval) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Append({Entry("a")}).ok());
  ASSERT_TRUE(keeper->Edit({.kind = PoolEdit::Kind::kRemove, .keys = {"sluice|a"}}).ok());
  const PoolEdit write{.kind = PoolEdit::Kind::kUpsert, .records = {{"heartbeat", "1"}}};
  for (size_t i = 0; i < Shadow::kForgottenKeys; ++i) ASSERT_TRUE(keeper->Edit(write).ok());
  ASSERT_TRUE(keeper->Append({Entry("a")}).ok());  // a replay
  EXPECT_EQ(keeper.Count("sluice|a"), 0u);
}

TEST(PoolEditTest, MovesTheLastRecordIntoTheGapOfADeletedOne) {
  KeeperHarness keeper;
  std::string records;
  for (int i = 0; i < 10; ++i) records += RawRecord(absl::StrCat("k", i), "v");
  keeper.directory.Write(records);
  EXPECT_EQ(*keeper->Edit({.kind = PoolEdit::Kind::kRemove, .keys = {"k4"}}), 1u);
  EXPECT_THAT(keeper.texts(),
              ElementsAre("k0=v", "k1=v", "k2=v", "k3=v", "k9=v", "k5=v", "k6=v", "k7=v", "k8=v"));
}

TEST(PoolEditTest, KeepsTheChunksInOrderWhenTheLastOneFillsAGap) {
  KeeperHarness keeper;
  keeper.directory.Write(RawRecord("k", "1"));
  ASSERT_TRUE(keeper->Append({Entry("a", Level::kInfo, 0, 3)}).ok());
  EXPECT_EQ(*keeper->Edit({.kind = PoolEdit::Kind::kRemove, .keys = {"k"}}), 1u);
  EXPECT_THAT(keeper.texts(), ElementsAre("sluice|a=text 0", "sluice|a=text 1", "sluice|a=text 2"));
}

TEST(PoolEditTest, ComparesAgesInWholeSecondsAsIsStaleDoes) {
  const absl::Time boot = absl::FromUnixSeconds(1'800'000'000);
  for (const auto& [after_boot, left] :
       {std::pair<absl::Duration, size_t>{absl::Seconds(1), 1}, {absl::Milliseconds(500), 0}}) {
    KeeperHarness keeper;
    keeper.directory.Write(RawRecord("k", "1"));
    const timespec time = absl::ToTimespec(boot + after_boot);
    const timespec times[2] = {time, time};
    ASSERT_EQ(::utimensat(AT_FDCWD, keeper.directory.pool().c_str(), times, 0), 0);
    ASSERT_TRUE(keeper->Edit({.kind = PoolEdit::Kind::kClear, .if_stale = true}, boot).ok());
    EXPECT_EQ(keeper.texts().size(), left) << after_boot;
  }
}

// In a mount namespace of its own, whose /proc is empty.
TEST(EditPoolFileTest, DoesNotTakeAnUnknownBootTimeForAMissingFile) {
  PoolDirectory directory;
  directory.Write(RawRecord("k", "1"));
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", "/proc", "tmpfs", 0, nullptr) != 0) {
      ::_exit(2);
    }
    const PoolEdit clear{.kind = PoolEdit::Kind::kClear, .if_stale = true};
    ::_exit(EditPoolFile({.path = directory.pool()}, clear).ok() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 2) GTEST_SKIP() << "no mount namespace here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace sluice::kvp
