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

TEST(ByteBudgetTest, WorkCountsForAllUsersTogether) {
  ByteBudget budget({.total = 100, .per_uid = 60});
  ASSERT_TRUE(budget.Charge(7, 60));
  EXPECT_FALSE(budget.ChargeWork(8, 41));
  EXPECT_TRUE(budget.ChargeWork(8, 40));
  EXPECT_EQ(budget.used_by(8), 0u);
  EXPECT_FALSE(budget.Charge(8, 1));
  EXPECT_TRUE(budget.ChargeWork(0, 1000));
  budget.ReleaseWork(0, 1000);
  budget.ReleaseWork(8, 40);
  EXPECT_TRUE(budget.Charge(8, 40));
  EXPECT_TRUE(budget.CanEverChargeWork(7, 100));
  EXPECT_FALSE(budget.CanEverChargeWork(7, 101));
  EXPECT_FALSE(budget.CanEverCharge(7, 61));
}

TEST(ChargeTest, HoldsWhatItWasGivenUntilItEnds) {
  ByteBudget budget({.total = 100, .per_uid = 60});
  {
    Charge charge(&budget, 7);
    EXPECT_TRUE(charge.Resize(50));
    EXPECT_FALSE(charge.Resize(61));
    EXPECT_EQ(budget.used_by(7), 50u);
    EXPECT_TRUE(charge.Resize(20));
    Charge moved(std::move(charge));
    EXPECT_EQ(budget.used_by(7), 20u);
    Charge other(&budget, 7);
    EXPECT_TRUE(other.Resize(5));
    other = std::move(moved);
    EXPECT_EQ(budget.used_by(7), 20u);
  }
  EXPECT_EQ(budget.used(), 0u);
}

}  // namespace
}  // namespace sluice::net
