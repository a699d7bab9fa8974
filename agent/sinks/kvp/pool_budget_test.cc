// What PoolKeeper gives up when its budget is used up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/kvp/keeper_harness.h"

namespace sluice::kvp {
namespace {

using ::testing::ElementsAre;

TEST(PoolBudgetTest, StaysWithinTheBudgetBesideForeignRecords) {
  for (const auto& [foreign, budget] : {std::pair<size_t, size_t>{0, 900},
                                        {99, 900},
                                        {100, 900},
                                        {101, 899},
                                        {700, 300},
                                        {936, 64},
                                        {937, 64},
                                        {1000, 64},
                                        {1500, 64}}) {
    KeeperHarness keeper;
    keeper.directory.Write(Foreign(foreign));
    ASSERT_TRUE(keeper->Append(Entries("a", budget)).ok());
    EXPECT_EQ(keeper->usage().own, budget) << foreign;
    EXPECT_EQ(keeper->usage().given_up.total(), 0u) << foreign;
    EXPECT_EQ(keeper->usage().foreign, foreign);
    ASSERT_TRUE(keeper->Append({Entry("more")}).ok());
    EXPECT_EQ(keeper->usage().given_up.overwritten, 2u) << foreign << ": for it and the summary";
    EXPECT_EQ(keeper->usage().own, budget) << foreign;
    EXPECT_EQ(keeper.directory.Bytes().substr(0, foreign * 2560), Foreign(foreign));
    EXPECT_EQ(keeper.Count("sluice|a0"), 0u);
    EXPECT_EQ(keeper.Count("sluice|more"), 1u);
  }
}

TEST(PoolBudgetTest, TakesABatchLargerThanTheBudget) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Append(Entries("a", 2000)).ok());
  EXPECT_EQ(keeper->usage().given_up.overwritten, 1101u);
  EXPECT_EQ(keeper.Count("sluice|a1999"), 1u);
  EXPECT_EQ(keeper.Count("sluice|a1101"), 1u);
  EXPECT_EQ(keeper.Count("sluice|a1100"), 0u);
  EXPECT_EQ(keeper.Count("sluice|summary"), 1u);
}

TEST(PoolBudgetTest, CutsAnEntryOfTooManyChunks) {
  KeeperHarness keeper;
  ASSERT_TRUE(keeper->Append({Entry("a", Level::kInfo, 0, Ledger::kMostChunks + 2)}).ok());
  EXPECT_EQ(keeper.Count("sluice|a"), Ledger::kMostChunks);
  EXPECT_EQ(keeper->usage().given_up, (GivenUp{.trimmed = 2}));
}

// A pool with 64 records for us, and no summary among them.
class FullPoolTest : public ::testing::Test {
 protected:
  explicit FullPoolTest(const std::string& summary_key = "") {
    keeper_.summary_key = summary_key;
    keeper_.Start();
    keeper_.directory.Write(Foreign(1000));
  }

  size_t Count(const std::string& name) { return keeper_.Count("sluice|" + name); }

  KeeperHarness keeper_;
};

class SummaryTest : public FullPoolTest {
 protected:
  SummaryTest() : FullPoolTest("sluice|summary") {}

  std::string Summary() {
    for (const std::string& text : keeper_.texts()) {
      if (text.starts_with("sluice|summary=")) return text;
    }
    return "";
  }
};

TEST_F(FullPoolTest, GivesUpTheOldestOfTheLeastUrgentFirst) {
  ASSERT_TRUE(keeper_
                  ->Append({Entry("error", Level::kError), Entry("info0"), Entry("info1"),
                            Entry("debug0", Level::kDebug), Entry("debug1", Level::kDebug)})
                  .ok());
  ASSERT_TRUE(keeper_->Append(Entries("warn", 59, Level::kWarn)).ok());
  const std::vector<std::string> order = {"debug0", "debug1", "info0", "info1"};
  for (size_t i = 0; i < order.size(); ++i) {
    EXPECT_EQ(Count(order[i]), 1u);
    ASSERT_TRUE(keeper_->Append({Entry(absl::StrCat("new", i), Level::kError)}).ok());
    EXPECT_EQ(Count(order[i]), 0u) << order[i];
  }
  ASSERT_TRUE(keeper_->Append({Entry("new4", Level::kError)}).ok());
  EXPECT_EQ(Count("warn0"), 0u);
  EXPECT_EQ(Count("error"), 1u);
}

TEST_F(FullPoolTest, GivesUpErrorsForErrorsOnly) {
  ASSERT_TRUE(keeper_->Append(Entries("error", 64, Level::kError)).ok());
  ASSERT_TRUE(keeper_->Append({Entry("info")}).ok());
  EXPECT_EQ(Count("info"), 0u);
  EXPECT_EQ(keeper_->usage().given_up, (GivenUp{.dropped = 1}));
  ASSERT_TRUE(keeper_->Append({Entry("newest", Level::kError)}).ok());
  EXPECT_EQ(Count("newest"), 1u);
  EXPECT_EQ(Count("error0"), 0u);
  EXPECT_EQ(Count("error1"), 1u);
}

TEST_F(FullPoolTest, NeverGivesUpTheReport) {
  ASSERT_TRUE(keeper_->Upsert("PROVISIONING_REPORT", "result=success").ok());
  ASSERT_TRUE(keeper_->Append(Entries("error", 500, Level::kError)).ok());
  EXPECT_EQ(keeper_.Count("PROVISIONING_REPORT"), 1u);
}

TEST_F(FullPoolTest, MakesRoomForTheReport) {
  ASSERT_TRUE(keeper_->Append(Entries("error", 500, Level::kError)).ok());
  ASSERT_TRUE(keeper_->Upsert("PROVISIONING_REPORT", "result=success").ok());
  EXPECT_EQ(keeper_.Count("PROVISIONING_REPORT"), 1u);
  EXPECT_EQ(keeper_->usage().own, 64u);
}

TEST_F(FullPoolTest, TakesAReportAfterOneThatCouldNotBeWritten) {
  ASSERT_TRUE(keeper_->Append(Entries("a", 64)).ok());
  keeper_.syscalls.Fail(Call::kPwrite, EIO);
  ASSERT_FALSE(keeper_->Upsert("PROVISIONING_REPORT", "first").ok());
  ASSERT_TRUE(keeper_->Upsert("PROVISIONING_REPORT", "second").ok());
  EXPECT_EQ(keeper_.Count("PROVISIONING_REPORT"), 1u);
  EXPECT_EQ(keeper_->usage().own, 64u);
}

TEST_F(FullPoolTest, PutsChunksIntoAdjacentPlacesOfOlderOnes) {
  ASSERT_TRUE(keeper_->Append(Entries("a", 64)).ok());
  ASSERT_TRUE(keeper_->Append({Entry("long", Level::kInfo, 0, 3)}).ok());
  EXPECT_EQ(keeper_.texts()[1000], "sluice|long=text 0");
  EXPECT_EQ(keeper_.texts()[1001], "sluice|long=text 1");
  EXPECT_EQ(keeper_.texts()[1002], "sluice|long=text 2");
  EXPECT_EQ(keeper_->usage().given_up, (GivenUp{.overwritten = 3}));
}

TEST_F(FullPoolTest, LeavesNoChunkWithoutItsBeginning) {
  std::vector<PoolEntry> entries = {Entry("old", Level::kInfo, 0, 3)};
  for (const PoolEntry& entry : Entries("a", 61)) entries.push_back(entry);
  ASSERT_TRUE(keeper_->Append(entries).ok());
  ASSERT_TRUE(keeper_->Append({Entry("new", Level::kInfo, 0, 2)}).ok());
  const std::vector<std::string> texts = keeper_.texts();
  EXPECT_EQ(texts[1000], "sluice|old=text 0");
  EXPECT_EQ(texts[1001], "sluice|new=text 0");
  EXPECT_EQ(texts[1002], "sluice|new=text 1");
  EXPECT_EQ(keeper_->usage().given_up, (GivenUp{.trimmed = 2}));
}

TEST_F(FullPoolTest, TrimsALongEntryWhereNoPlacesAreAdjacent) {
  std::vector<PoolEntry> entries;
  for (int i = 0; i < 32; ++i) {
    entries.push_back(Entry(absl::StrCat("info", i)));
    entries.push_back(Entry(absl::StrCat("error", i), Level::kError));
  }
  ASSERT_TRUE(keeper_->Append(entries).ok());
  ASSERT_TRUE(keeper_->Append({Entry("long", Level::kInfo, 0, 3)}).ok());
  EXPECT_EQ(Count("long"), 1u);
  EXPECT_EQ(keeper_->usage().given_up, (GivenUp{.overwritten = 1, .trimmed = 2}));
}

TEST_F(FullPoolTest, WritesOnceWhatFitsAfterAnotherWasTrimmed) {
  std::vector<PoolEntry> entries = Entries("error", 46 - 13, Level::kError);
  for (int i = 0; i < 13; ++i) {
    entries.push_back(Entry(absl::StrCat("user", i), Level::kDebug, 1000));
    entries.push_back(Entry(absl::StrCat("error_", i), Level::kError));
  }
  for (const PoolEntry& entry : Entries("adjacent", 3, Level::kDebug, 1000)) {
    entries.push_back(entry);
  }
  ASSERT_TRUE(keeper_->Append(entries).ok());
  ASSERT_EQ(keeper_->usage().own, 62u);
  // The first takes three places of the user's, who has room then; the second becomes one record,
  // for which there is room.
  ASSERT_TRUE(keeper_
                  ->Append({Entry("long", Level::kError, 0, 3), Entry("cut", Level::kInfo, 0, 3),
                            Entry("short", Level::kInfo, 1000)})
                  .ok());
  EXPECT_EQ(Count("long"), 3u);
  EXPECT_EQ(Count("cut"), 1u);
  EXPECT_EQ(Count("short"), 1u);
  EXPECT_EQ(Count("user0"), 1u);
  EXPECT_EQ(keeper_->usage().given_up, (GivenUp{.overwritten = 3, .trimmed = 2}));
}

TEST_F(FullPoolTest, GivesAnUnprivilegedUserAQuarter) {
  ASSERT_TRUE(keeper_->Append(Entries("user", 17, Level::kError, 1000)).ok());
  EXPECT_EQ(keeper_->usage().own_by_uid.at(1000), 16u);
  EXPECT_EQ(Count("user0"), 0u);
  EXPECT_EQ(Count("user16"), 1u);
  EXPECT_EQ(keeper_.counters.Total("kvp.given_up", "overwritten"), 1u);
}

TEST_F(FullPoolTest, LeavesRootAQuarterWhateverAllOthersWrite) {
  ASSERT_TRUE(keeper_->Append(Entries("root", 64)).ok());
  for (uid_t uid = 1000; uid < 1010; ++uid) {
    ASSERT_TRUE(keeper_->Append(Entries(absl::StrCat("u", uid, "-"), 30, Level::kError, uid)).ok());
  }
  EXPECT_GE(keeper_->usage().own_by_uid.at(0), 16u);
  EXPECT_EQ(keeper_->usage().own, 64u);
}

// Its own place costs one more.
TEST_F(SummaryTest, SaysInOneRecordWhatWasGivenUp) {
  ASSERT_TRUE(keeper_->Append(Entries("a", 64)).ok());
  EXPECT_EQ(Summary(), "");
  ASSERT_TRUE(keeper_->Append(Entries("b", 2)).ok());
  EXPECT_EQ(Summary(), "sluice|summary=dropped=0 overwritten=3 trimmed=0");
  EXPECT_EQ(keeper_->usage().own, 64u);
  ASSERT_TRUE(keeper_->Append(Entries("c", 3)).ok());
  EXPECT_EQ(Summary(), "sluice|summary=dropped=0 overwritten=6 trimmed=0");
  EXPECT_EQ(keeper_.Count("sluice|summary"), 1u);
  keeper_.Start();  // the count is of the boot
  ASSERT_TRUE(keeper_->Append(Entries("d", 1)).ok());
  EXPECT_EQ(Summary(), "sluice|summary=dropped=0 overwritten=7 trimmed=0");
  EXPECT_EQ(keeper_.counters.Total("kvp.given_up", "overwritten"), 7u);
  EXPECT_EQ(keeper_->usage().own, 64u);
}

TEST_F(SummaryTest, TakesTheOldestErrorsPlaceWhereAllAreErrors) {
  ASSERT_TRUE(keeper_->Append(Entries("error", 64, Level::kError)).ok());
  ASSERT_TRUE(keeper_->Append({Entry("info")}).ok());
  EXPECT_EQ(Summary(), "sluice|summary=dropped=1 overwritten=1 trimmed=0");
  EXPECT_EQ(Count("error0"), 0u);
  EXPECT_EQ(keeper_->usage().own, 64u);
}

TEST_F(SummaryTest, IsNotRepeatedOnceRootRemovedIt) {
  ASSERT_TRUE(keeper_->Append(Entries("a", 65)).ok());
  ASSERT_NE(Summary(), "");
  ASSERT_TRUE(keeper_->Edit({.kind = PoolEdit::Kind::kClear}).ok());
  keeper_.Start();
  ASSERT_TRUE(keeper_->Append({Entry("b")}).ok());
  EXPECT_THAT(keeper_.texts(), ElementsAre("sluice|b=text 0"));
}

}  // namespace
}  // namespace sluice::kvp
