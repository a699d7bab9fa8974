#include "agent/control/question_cost.h"

#include <vector>

#include "gtest/gtest.h"

namespace sluice::control {
namespace {

constexpr uint64_t kSecondNanos = 1'000'000'000;
constexpr QuestionCost::Limits kCostLimits{.permille_per_uid = 100,
                                           .permille_of_users = 300,
                                           .credit_per_uid = 5 * kSecondNanos,
                                           .credit_of_users = 10 * kSecondNanos};

// Asks as soon as it may, a second of work each time, until `end`; what it has had by then.
uint64_t AskOnAndOn(QuestionCost* cost, const std::vector<uid_t>& uids, uint64_t end) {
  uint64_t had = 0;
  for (uint64_t now = kSecondNanos; now < end; now += kSecondNanos / 10) {
    for (const uid_t uid : uids) {
      if (cost->WaitOf(uid, now) > 0) continue;
      cost->Charge(uid, kSecondNanos, now);
      had += kSecondNanos;
    }
  }
  return had;
}

TEST(QuestionCostTest, GivesOneUidItsPartOfACore) {
  QuestionCost cost(kCostLimits);
  const uint64_t had = AskOnAndOn(&cost, {5}, 1000 * kSecondNanos);
  EXPECT_GE(had, 100 * kSecondNanos);
  EXPECT_LE(had, 110 * kSecondNanos);
}

TEST(QuestionCostTest, GivesAllUsersTheirPartHoweverManyTheyAre) {
  QuestionCost cost(kCostLimits);
  std::vector<uid_t> uids;
  for (uid_t uid = 1; uid <= 30; ++uid) uids.push_back(uid);
  const uint64_t had = AskOnAndOn(&cost, uids, 1000 * kSecondNanos);
  EXPECT_GE(had, 290 * kSecondNanos);
  EXPECT_LE(had, 350 * kSecondNanos);
}

TEST(QuestionCostTest, WhoOwesNothingMayAskWhateverOthersOwe) {
  QuestionCost cost(kCostLimits);
  for (uid_t uid = 1; uid <= 100; ++uid) cost.Charge(uid, 100 * kSecondNanos, kSecondNanos);
  EXPECT_GT(cost.WaitOf(1, kSecondNanos), 0u);
  EXPECT_EQ(cost.WaitOf(1000, kSecondNanos), 0u);
}

TEST(QuestionCostTest, IsNotMetByWhoAsksByHand) {
  QuestionCost cost(kCostLimits);
  for (uint64_t now = kSecondNanos; now < 100 * kSecondNanos; now += kSecondNanos / 20) {
    ASSERT_EQ(cost.WaitOf(5, now), 0u);
    cost.Charge(5, 1'000'000, now);  // a status
  }
}

TEST(QuestionCostTest, SaysHowLongToWait) {
  QuestionCost cost(kCostLimits);
  cost.Charge(5, 6 * kSecondNanos, kSecondNanos);
  const uint64_t wait = cost.WaitOf(5, kSecondNanos);
  EXPECT_EQ(wait, 10 * kSecondNanos);
  EXPECT_GT(cost.WaitOf(5, kSecondNanos + wait - kSecondNanos / 10), 0u);
  EXPECT_EQ(cost.WaitOf(5, kSecondNanos + wait), 0u);
}

TEST(QuestionCostTest, LetsRootAskAndForgetsWhatIsPaid) {
  QuestionCost cost(kCostLimits);
  cost.Charge(0, 1000 * kSecondNanos, kSecondNanos);
  EXPECT_EQ(cost.WaitOf(0, kSecondNanos), 0u);
  cost.Charge(5, kSecondNanos, kSecondNanos);
  EXPECT_EQ(cost.size(), 1u);
  EXPECT_EQ(cost.WaitOf(5, 100 * kSecondNanos), 0u);
  EXPECT_EQ(cost.size(), 0u);
}

}  // namespace
}  // namespace sluice::control
