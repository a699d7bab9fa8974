#include "agent/sinks/kvp/pool_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/kvp/keeper_harness.h"

namespace sluice::kvp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(PoolKeeperTest, AppendsEntriesInOrderWithChunksAdjacent) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Append({Entry("a"), Entry("b", Level::kInfo, 0, 3), Entry("c")}).ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("sluice|a=text 0", "sluice|b=text 0", "sluice|b=text 1",
                                          "sluice|b=text 2", "sluice|c=text 0"));
  EXPECT_EQ(keeper.syscalls.count(Call::kPwrite), 1);
}

TEST(PoolKeeperTest, WritesAReplayedEntryOnce) {
  KeeperHarness keeper;
  const std::vector<PoolEntry> entries = {Entry("a"), Entry("b", Level::kInfo, 0, 2)};
  ASSERT_TRUE(keeper->Append(entries).ok());
  ASSERT_TRUE(keeper->Append(entries).ok());
  EXPECT_EQ(keeper.texts().size(), 3u);
  keeper.Start();
  ASSERT_TRUE(keeper->Append(entries).ok());
  EXPECT_EQ(keeper.texts().size(), 3u);
  keeper.LoseShadow();
  ASSERT_TRUE(keeper->Append(entries).ok());
  EXPECT_EQ(keeper.texts().size(), 3u);
}

TEST(PoolKeeperTest, RestoresWhatAnothersTruncationTook) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Append({Entry("a"), Entry("b", Level::kInfo, 0, 2)}).ok());
  keeper.directory.Write(Foreign(2));
  ASSERT_TRUE(keeper->Append({Entry("c")}).ok());
  EXPECT_THAT(keeper.texts(),
              ElementsAre("CLOUD_INIT|0=theirs", "CLOUD_INIT|1=theirs", "sluice|a=text 0",
                          "sluice|b=text 0", "sluice|b=text 1", "sluice|c=text 0"));
  EXPECT_EQ(keeper.counters.Total("kvp.restored"), 3u);
}

TEST(PoolKeeperTest, RestoresAfterAKillToo) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Append({Entry("a")}).ok());
  keeper.directory.Write("");
  keeper.Start();
  ASSERT_TRUE(keeper->Reconcile().ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("sluice|a=text 0"));
}

TEST(PoolKeeperTest, RestoresARecordThatAnotherProgramWroteOver) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Append({Entry("a"), Entry("b")}).ok());
  const std::string bytes = keeper.directory.Bytes();
  keeper.directory.Write(RawRecord("sample", "1") + bytes.substr(2560));
  ASSERT_TRUE(keeper->Reconcile().ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("sample=1", "sluice|b=text 0", "sluice|a=text 0"));
}

TEST(PoolKeeperTest, FollowsRecordsThatMoved) {
  KeeperHarness keeper;
  keeper.directory.Write(Foreign(3));
  ASSERT_TRUE(keeper->Append({Entry("a"), Entry("b")}).ok());
  keeper.directory.Write(keeper.directory.Bytes().substr(2560));  // as the daemon's DELETE does
  ASSERT_TRUE(keeper->Append({Entry("c")}).ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("CLOUD_INIT|1=theirs", "CLOUD_INIT|2=theirs",
                                          "sluice|a=text 0", "sluice|b=text 0", "sluice|c=text 0"));
}

TEST(PoolKeeperTest, FollowsChunksThatMovedToTheirNeighboursPlaces) {
  KeeperHarness keeper;
  keeper.directory.Write(Foreign(3));
  ASSERT_TRUE(keeper->Append({Entry("a", Level::kInfo, 0, 3)}).ok());
  keeper.directory.Write(keeper.directory.Bytes().substr(2560));
  ASSERT_TRUE(keeper->Reconcile().ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("CLOUD_INIT|1=theirs", "CLOUD_INIT|2=theirs",
                                          "sluice|a=text 0", "sluice|a=text 1", "sluice|a=text 2"));
}

TEST(PoolKeeperTest, IgnoresWhatStandsBehindTheTextOfARewrittenRecord) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Append({Entry("a")}).ok());
  std::string bytes = keeper.directory.Bytes();
  bytes[511] = bytes[2559] = 'x';  // the daemon writes what its buffer held before
  keeper.directory.Write(bytes);
  ASSERT_TRUE(keeper->Reconcile().ok());
  EXPECT_EQ(keeper.directory.Bytes(), bytes);
}

TEST(PoolKeeperTest, FollowsAReplacedFile) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Append({Entry("a")}).ok());
  std::filesystem::rename(keeper.directory.pool(), keeper.directory.file("old"));
  ASSERT_TRUE(keeper->Append({Entry("b")}).ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("sluice|a=text 0", "sluice|b=text 0"));
}

TEST(PoolKeeperTest, KeepsTheChunksOfAnEntryInOrderWhenOneIsLost) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Append({Entry("a", Level::kInfo, 0, 3), Entry("b")}).ok());
  keeper.directory.Write(RawRecord("sample", "1") + keeper.directory.Bytes().substr(2560));
  ASSERT_TRUE(keeper->Reconcile().ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("sample=1", "sluice|a=text 0", "sluice|a=text 1",
                                          "sluice|b=text 0", "sluice|a=text 2"));
}

TEST(PoolKeeperTest, PutsChunksBackInOrderThatAnotherProgramsDeleteMoved) {
  KeeperHarness keeper;
  keeper.directory.Write(Foreign(1));
  ASSERT_TRUE(keeper->Append({Entry("a", Level::kInfo, 0, 3)}).ok());
  const std::string bytes = keeper.directory.Bytes();
  keeper.directory.Write(bytes.substr(3 * 2560) + bytes.substr(2560, 2 * 2560));
  ASSERT_TRUE(keeper->Reconcile().ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("sluice|a=text 0", "sluice|a=text 1", "sluice|a=text 2"));
}

TEST(PoolKeeperTest, GoesOnPuttingChunksInOrderAfterAFailedWrite) {
  for (const bool killed : {false, true}) {
    KeeperHarness keeper;
    keeper.directory.Write(Foreign(1));
    ASSERT_TRUE(keeper->Append({Entry("a", Level::kInfo, 0, 3)}).ok());
    const std::string bytes = keeper.directory.Bytes();
    keeper.directory.Write(bytes.substr(3 * 2560) + bytes.substr(2560, 2 * 2560));
    keeper.syscalls.Fail(Call::kPwrite, EIO, 2);
    EXPECT_FALSE(keeper->Reconcile().ok());
    if (killed) keeper.Start();
    ASSERT_TRUE(keeper->Reconcile().ok());
    EXPECT_THAT(keeper.texts(),
                ElementsAre("sluice|a=text 0", "sluice|a=text 1", "sluice|a=text 2"))
        << killed;
  }
}

TEST(PoolKeeperTest, LosesNoEntryWhenAHoleCannotBeRead) {
  KeeperHarness keeper;
  keeper.directory.Write(std::string(2560, '\0') + Foreign(1));
  ASSERT_TRUE(keeper->Append({}).ok());  // looks for holes
  const std::vector<PoolEntry> entries = {Entry("a", Level::kInfo, 0, 2), Entry("b")};
  keeper.syscalls.Fail(Call::kPread, EIO);
  EXPECT_FALSE(keeper->Append(entries).ok());
  ASSERT_TRUE(keeper->Append(entries).ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("sluice|b=text 0", "CLOUD_INIT|0=theirs",
                                          "sluice|a=text 0", "sluice|a=text 1"));
  EXPECT_EQ(keeper->usage().foreign, 1u);
}

TEST(PoolKeeperTest, ReplacesTheReportInPlace) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Upsert("PROVISIONING_REPORT", "in progress").ok());
  ASSERT_TRUE(keeper->Append({Entry("a")}).ok());
  ASSERT_TRUE(keeper->Upsert("PROVISIONING_REPORT", "result=success").ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("PROVISIONING_REPORT=result=success", "sluice|a=text 0"));
  keeper.Start();
  ASSERT_TRUE(keeper->Upsert("PROVISIONING_REPORT", "result=error").ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("PROVISIONING_REPORT=result=error", "sluice|a=text 0"));
}

TEST(PoolKeeperTest, TakesAReportOfOneRecordOnly) {
  KeeperHarness keeper;
  EXPECT_TRUE(keeper->Upsert("PROVISIONING_REPORT", std::string(1022, 'x')).ok());
  EXPECT_TRUE(
      absl::IsInvalidArgument(keeper->Upsert("PROVISIONING_REPORT", std::string(1023, 'x'))));
  EXPECT_TRUE(absl::IsInvalidArgument(keeper->Upsert("PROVISIONING_REPORT", "")));
  EXPECT_EQ(keeper.texts().size(), 1u);
}

TEST(PoolKeeperTest, YieldsToAnotherProgramsUpsertOfTheReport) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Upsert("PROVISIONING_REPORT", "ours").ok());
  keeper.directory.Write(RawRecord("PROVISIONING_REPORT", "theirs"));
  ASSERT_TRUE(keeper->Reconcile().ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("PROVISIONING_REPORT=theirs"));
  EXPECT_EQ(keeper.counters.Total("kvp.superseded"), 1u);
}

TEST(PoolKeeperTest, YieldsToAReportThatAnotherProgramWroteElsewhere) {
  KeeperHarness keeper;
  keeper.directory.Write(Foreign(5));
  ASSERT_TRUE(keeper->Upsert("PROVISIONING_REPORT", "ours").ok());
  keeper.directory.Write(RawRecord("PROVISIONING_REPORT", "theirs"));
  ASSERT_TRUE(keeper->Reconcile().ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("PROVISIONING_REPORT=theirs"));
  EXPECT_EQ(keeper.counters.Total("kvp.superseded"), 1u);
  ASSERT_TRUE(keeper->Upsert("PROVISIONING_REPORT", "ours again").ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("PROVISIONING_REPORT=ours again"));
}

TEST(PoolKeeperTest, FollowsItsReportBehindAnotherProgramsOne) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Upsert("PROVISIONING_REPORT", "ours").ok());
  const std::string ours = keeper.directory.Bytes();
  keeper.directory.Write(Foreign(1) + RawRecord("PROVISIONING_REPORT", "theirs") + ours);
  ASSERT_TRUE(keeper->Reconcile().ok());
  EXPECT_EQ(keeper.counters.Total("kvp.superseded"), 0u);
  keeper.directory.Write(ours);
  ASSERT_TRUE(keeper->Reconcile().ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("PROVISIONING_REPORT=ours"));
}

TEST(PoolKeeperTest, StartsAfreshInAnotherBoot) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Append({Entry("a")}).ok());
  keeper.boot_id = "6d1e0f6e-0000-4000-8000-000000000002";
  keeper.directory.Write("");
  keeper.Start();
  ASSERT_TRUE(keeper->Reconcile().ok());
  EXPECT_THAT(keeper.texts(), IsEmpty());
}

TEST(PoolKeeperTest, WritesEverythingAnewAfterAFailedSync) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Append(Entries("a", 3)).ok());
  const int before = keeper.syscalls.count(Call::kPwrite);
  keeper.syscalls.Fail(Call::kFdatasync, EIO);
  EXPECT_THAT(std::string(keeper->Sync().message()), HasSubstr(keeper.directory.pool()));
  ASSERT_TRUE(keeper->Append({}).ok());
  ASSERT_TRUE(keeper->Reconcile().ok());
  EXPECT_EQ(keeper.syscalls.count(Call::kPwrite), before + 3);
  EXPECT_TRUE(keeper->Sync().ok());
}

TEST(PoolKeeperTest, SaysThatItIsSyncedOnlyOnceWhatIsLostIsBack) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Append({Entry("a")}).ok());
  ASSERT_TRUE(keeper->Sync().ok());
  keeper.directory.Write("");
  keeper.syscalls.Fail(Call::kFallocate, ENOSPC, 1, 2);
  EXPECT_FALSE(keeper->Reconcile().ok());
  EXPECT_FALSE(keeper->Sync().ok());
  const int synced = keeper.syscalls.count(Call::kFdatasync);
  ASSERT_TRUE(keeper->Sync().ok());
  EXPECT_THAT(keeper.texts(), ElementsAre("sluice|a=text 0"));
  EXPECT_EQ(keeper.syscalls.count(Call::kFdatasync), synced + 1);
}

TEST(PoolKeeperTest, SyncsWhatItWroteBeforeItWasKilled) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Append({Entry("a")}).ok());
  keeper.Start();
  ASSERT_TRUE(keeper->Append({Entry("a")}).ok());  // replayed
  ASSERT_TRUE(keeper->Sync().ok());
  EXPECT_EQ(keeper.syscalls.count(Call::kFdatasync), 1);
}

TEST(PoolKeeperTest, MakesNoPoolToSyncNothing) {
  KeeperHarness keeper;
  EXPECT_TRUE(keeper->Sync().ok());
  EXPECT_FALSE(std::filesystem::exists(keeper.directory.pool()));
}

TEST(PoolKeeperTest, ReportsAShadowThatCannotBe) {
  PoolDirectory directory;
  PoolFile pool({.path = directory.pool()});
  const auto keeper = PoolKeeper::Open(&pool, {.shadow_path = directory.file("missing/shadow")});
  EXPECT_THAT(std::string(keeper.status().message()), HasSubstr("missing/shadow"));
}

}  // namespace
}  // namespace sluice::kvp
