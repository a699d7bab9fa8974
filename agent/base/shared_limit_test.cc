#include "agent/base/shared_limit.h"

#include <map>
#include <random>

#include "gtest/gtest.h"

namespace sluice {
namespace {

constexpr uint64_t kLimit = 1'024'000;
constexpr uint64_t kSmall = kLimit / 4 / 64;
constexpr uint64_t kRest = kLimit / 4 * 3;

// Users who take and give back.
class Users {
 public:
  bool Take(int user, uint64_t more) {
    uint64_t& held = held_[user];
    if (!limit.HasRoom(held, more)) return false;
    limit.Change(held, held + more);
    held += more;
    return true;
  }
  // In pieces, until there is no room for another one.
  uint64_t TakeAll(int user, uint64_t piece) {
    while (Take(user, piece)) {
    }
    return held_[user];
  }
  void Give(int user, uint64_t less) {
    uint64_t& held = held_[user];
    limit.Change(held, held - less);
    held -= less;
  }
  uint64_t Of(int user) { return held_[user]; }

  SharedLimit limit{kLimit};

 private:
  std::map<int, uint64_t> held_;
};

TEST(SharedLimitTest, OneAloneGetsItsSmallPartAndHalfOfTheRest) {
  Users users;
  EXPECT_EQ(users.TakeAll(1, 1), kSmall + kRest / 2);
  EXPECT_FALSE(Users().Take(1, kSmall + kRest / 2 + 1));
  EXPECT_TRUE(Users().Take(1, kSmall + kRest / 2));
}

TEST(SharedLimitTest, GreedyOnesAtOnceShareTheRest) {
  Users users;
  for (uint64_t turn = 0; turn < kLimit / 10; ++turn) {
    for (int user = 1; user <= 9; ++user) users.Take(user, 10);
  }
  for (int user = 1; user <= 9; ++user) EXPECT_NEAR(users.Of(user), kSmall + kRest / 10, 20);
}

TEST(SharedLimitTest, AfterGreedyOnesInARowANewcomerFindsItsSmallPart) {
  Users users;
  for (int user = 1; user <= 63; ++user) EXPECT_GE(users.TakeAll(user, 10), kSmall) << user;
  EXPECT_TRUE(users.Take(64, kSmall));
  EXPECT_FALSE(users.Take(65, kSmall));
  EXPECT_LE(users.limit.held(), kLimit);
}

TEST(SharedLimitTest, MoreThan64HaveTheirSmallPartsWhileTheRestHasRoom) {
  Users users;
  for (int user = 1; user <= 256; ++user) EXPECT_TRUE(users.Take(user, kSmall)) << user;
  EXPECT_EQ(users.limit.held(), kLimit);
  EXPECT_FALSE(users.Take(257, 1));
  users.Give(1, 1);
  EXPECT_TRUE(users.Take(257, 1));
}

TEST(SharedLimitTest, AHolderOfMuchTakesNoneOfTheSmallParts) {
  Users users;
  for (int user = 1; user <= 40; ++user) users.TakeAll(user, 1);
  EXPECT_LE(users.limit.held(), kRest + 40 * kSmall);
}

TEST(SharedLimitTest, WithoutALimitThereIsAlwaysRoom) {
  const SharedLimit limit(UINT64_MAX);
  EXPECT_TRUE(limit.HasRoom(uint64_t{1} << 50, uint64_t{1} << 50));
}

class SharedLimitRandomTest : public ::testing::TestWithParam<int> {};

TEST_P(SharedLimitRandomTest, TheSumStaysWithinAndTheSmallFindRoom) {
  const int count = GetParam();
  std::mt19937 random(static_cast<unsigned>(count));
  const auto below = [&random](uint64_t end) { return random() % end; };
  Users users;
  for (int step = 0; step < 200'000; ++step) {
    const int user = static_cast<int>(below(static_cast<uint64_t>(count)));
    const uint64_t held = users.Of(user);
    if (below(10) == 0) {
      users.Give(user, below(held + 1));
      continue;
    }
    // Small pieces, and some that are beyond what anybody may have.
    const uint64_t more = below(uint64_t{1} << below(21));
    const bool taken = users.Take(user, more);
    ASSERT_LE(users.limit.held(), kLimit);
    if (count <= 64 && held + more <= kSmall) {
      ASSERT_TRUE(taken);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Counts, SharedLimitRandomTest, ::testing::Values(1, 2, 10, 64, 65, 500));

}  // namespace
}  // namespace sluice
