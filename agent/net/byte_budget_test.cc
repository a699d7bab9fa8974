#include "agent/net/byte_budget.h"

#include "gtest/gtest.h"

namespace sluice::net {
namespace {

constexpr ByteBudget::Limits kBudget{.total = 100, .per_uid = 60};

TEST(ByteBudgetTest, TakesUpToTheLimitOfAUidAndNotAByteMore) {
  ByteBudget budget(kBudget);
  EXPECT_TRUE(budget.Charge(1, 59));
  EXPECT_TRUE(budget.Charge(1, 1));
  EXPECT_FALSE(budget.Charge(1, 1));
  EXPECT_EQ(budget.used_by(1), 60u);
}

TEST(ByteBudgetTest, TakesUpToTheTotalOverAllUids) {
  ByteBudget budget(kBudget);
  EXPECT_TRUE(budget.Charge(1, 60));
  EXPECT_TRUE(budget.Charge(2, 40));
  EXPECT_FALSE(budget.Charge(3, 1));
  EXPECT_EQ(budget.used(), 100u);
}

TEST(ByteBudgetTest, RootHasItsOwnWhateverUsersHold) {
  ByteBudget budget(kBudget);
  EXPECT_TRUE(budget.Charge(0, 60));
  EXPECT_TRUE(budget.Charge(1, 60));
  EXPECT_TRUE(budget.Charge(2, 40));
  EXPECT_FALSE(budget.Charge(2, 1));
  EXPECT_FALSE(budget.Charge(0, 1));
  EXPECT_FALSE(budget.Charge(0, SIZE_MAX));
  budget.Release(0, 60);
  EXPECT_TRUE(budget.Charge(0, 60));
}

TEST(ByteBudgetTest, GivesBackWhatIsReleased) {
  ByteBudget budget(kBudget);
  ASSERT_TRUE(budget.Charge(1, 60));
  budget.Release(1, 60);
  EXPECT_EQ(budget.used(), 0u);
  EXPECT_EQ(budget.used_by(1), 0u);
  EXPECT_TRUE(budget.Charge(1, 60));
}

TEST(ByteBudgetTest, IsNotFooledByAHugeCharge) {
  ByteBudget budget(kBudget);
  ASSERT_TRUE(budget.Charge(1, 1));
  EXPECT_FALSE(budget.Charge(1, SIZE_MAX));
  EXPECT_EQ(budget.used(), 1u);
}

}  // namespace
}  // namespace sluice::net
