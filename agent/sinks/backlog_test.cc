#include "agent/sinks/backlog.h"

#include "gtest/gtest.h"

namespace sluice::sinks {
namespace {

constexpr uint64_t kGroup = Backlog::kGroupUnits;

TEST(BacklogTest, TellsWhatAUserHasAfterAPlace) {
  Backlog backlog(10);
  backlog.Append(11, 5, kGroup);
  backlog.Append(12, 6, 7);
  backlog.Append(13, 5, kGroup);
  EXPECT_EQ(backlog.UnitsAfter(5, 10), 2 * kGroup);
  EXPECT_EQ(backlog.UnitsAfter(5, 11), kGroup);
  EXPECT_EQ(backlog.UnitsAfter(5, 12), kGroup);
  EXPECT_EQ(backlog.UnitsAfter(5, 13), 0u);
  EXPECT_EQ(backlog.UnitsAfter(6, 11), 7u);
  EXPECT_EQ(backlog.UnitsAfter(7, 0), 0u);
  std::vector<std::pair<uid_t, uint64_t>> after;
  backlog.ForEachAfter(12, [&](uid_t uid, uint64_t units) { after.emplace_back(uid, units); });
  EXPECT_EQ(after, (std::vector<std::pair<uid_t, uint64_t>>{{5, kGroup}}));
}

TEST(BacklogTest, CountsAGroupUntilAllOfItIsRead) {
  Backlog backlog(0);
  for (uint64_t sequence = 1; sequence <= 2 * kGroup; ++sequence) {
    EXPECT_EQ(backlog.Append(sequence, 5, 1), sequence % kGroup == 0) << sequence;
  }
  EXPECT_EQ(backlog.UnitsAfter(5, kGroup - 1), 2 * kGroup);
  EXPECT_EQ(backlog.UnitsAfter(5, kGroup), kGroup);
  EXPECT_EQ(backlog.UnitsAfter(5, 2 * kGroup), 0u);
}

TEST(BacklogTest, CountsNothingOfRoots) {
  Backlog backlog(0);
  EXPECT_FALSE(backlog.Append(1, 0, 100 * kGroup));
  EXPECT_EQ(backlog.UnitsAfter(0, 0), 0u);
  EXPECT_EQ(backlog.LastOf(0), 1u);
}

TEST(BacklogTest, WhoIsNotKnownIsTakenToHaveAllThatIsNotKnown) {
  Backlog backlog(10);
  EXPECT_EQ(backlog.LastOf(5), 10u);
  backlog.Append(11, 5, 1);
  backlog.Append(12, 6, 1);
  EXPECT_EQ(backlog.LastOf(5), 11u);
  EXPECT_EQ(backlog.LastOf(7), 10u);
  EXPECT_EQ(backlog.last_sequence(), 12u);
}

TEST(BacklogTest, ForgetsUsersThatAllHavePassedAndNeverTooEarly) {
  Backlog backlog(0);
  for (uint64_t sequence = 1; sequence <= 1000; ++sequence) {
    backlog.Append(sequence, static_cast<uid_t>(sequence), kGroup);
  }
  backlog.Forget(/*counted=*/600, /*all=*/400);
  EXPECT_EQ(backlog.users(), 600u);
  EXPECT_EQ(backlog.LastOf(400), 400u);
  EXPECT_EQ(backlog.LastOf(300), 400u) << "rather too late than too early";
  EXPECT_EQ(backlog.LastOf(401), 401u);
  EXPECT_EQ(backlog.UnitsAfter(601, 600), kGroup);
  EXPECT_EQ(backlog.UnitsAfter(500, 400), 0u) << "whoever counts has passed it";
}

TEST(BacklogTest, IsBoundedThoughNothingIsPassed) {
  Backlog backlog(0);
  uint64_t sequence = 0;
  for (uid_t uid = 1; uid <= 10'000; ++uid) {
    backlog.Append(++sequence, uid, 1);
    if (uid % 100 == 0) backlog.Forget(0, 0);
  }
  EXPECT_LE(backlog.users(), 4'196u);
  EXPECT_GE(backlog.LastOf(1), 1u);
  for (int i = 0; i < 100'000; ++i) backlog.Append(++sequence, 1, kGroup);
  EXPECT_GE(backlog.UnitsAfter(1, 0), 4'000 * kGroup) << "more than any sink may have before it";
}

}  // namespace
}  // namespace sluice::sinks
