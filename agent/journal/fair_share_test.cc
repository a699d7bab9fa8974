#include "agent/journal/fair_share.h"

#include <algorithm>
#include <random>

#include "gtest/gtest.h"

namespace sluice::journal {
namespace {

TEST(FairShareTest, NobodyLosesWhereAllFits) {
  const FairShare share = DivideFairly(100, {{0, 40}, {1, 30}, {2, 30}});
  EXPECT_GE(share.Of(0), 40u);
  EXPECT_GE(share.Of(1), 30u);
}

TEST(FairShareTest, WhoHasMostLosesFirst) {
  const FairShare share = DivideFairly(100, {{1, 10}, {2, 500}, {3, 50}});
  EXPECT_EQ(share.Of(1), 45u);
  EXPECT_EQ(share.Of(2), 45u);
}

TEST(FairShareTest, RootHasHalfWhateverOthersHold) {
  std::map<uid_t, uint64_t> held{{0, 500}};
  for (uid_t uid = 1; uid <= 30; ++uid) held[uid] = 1000;
  const FairShare share = DivideFairly(100, held);
  EXPECT_EQ(share.Of(0), 50u);
  EXPECT_EQ(share.Of(7), 1u);
}

TEST(FairShareTest, RootHasWhatOthersLeaveAndTheyWhatItLeaves) {
  EXPECT_EQ(DivideFairly(100, {{0, 500}, {1, 10}}).Of(0), 90u);
  EXPECT_EQ(DivideFairly(100, {{0, 10}, {1, 500}}).Of(1), 90u);
  EXPECT_EQ(DivideFairly(100, {{0, 500}}).Of(0), 100u);
}

// Whatever is held: the budget is not exceeded, and it is used where somebody has to lose.
TEST(FairShareTest, FillsTheBudgetAndNoMore) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::map<uid_t, uint64_t> held;
    for (uid_t uid = 0; uid < 1 + random() % 6; ++uid) held[uid] = random() % 300;
    const uint64_t budget = random() % 600;
    const FairShare share = DivideFairly(budget, held);
    uint64_t all = 0, kept = 0;
    for (const auto& [uid, bytes] : held) {
      all += bytes;
      kept += std::min(bytes, share.Of(uid));
    }
    ASSERT_LE(kept, std::max(budget, all));
    ASSERT_LE(kept, budget);
    ASSERT_GE(kept + held.size(), std::min(budget, all)) << "rounding takes a byte of each";
  }
}

}  // namespace
}  // namespace sluice::journal
