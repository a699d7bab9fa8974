#include "agent/net/loop_share.h"

#include "gtest/gtest.h"

namespace sluice::net {
namespace {

constexpr uint64_t kShareSecond = 1'000'000'000;
constexpr uint64_t kMilli = 1'000'000;
constexpr LoopShare::Limits kOnePercent{.permille = 10};

TEST(LoopShareTest, OverdrawsAUidBeyondASecondsWorth) {
  LoopShare share(kOnePercent);
  EXPECT_FALSE(share.Waste(7, 10 * kMilli, kShareSecond));
  EXPECT_FALSE(share.IsOverdrawn(7, kShareSecond));
  EXPECT_TRUE(share.Waste(7, 1, kShareSecond));
  EXPECT_TRUE(share.IsOverdrawn(7, kShareSecond));
}

TEST(LoopShareTest, TellsOnceThatAUidWasOverdrawn) {
  LoopShare share(kOnePercent);
  EXPECT_TRUE(share.Waste(7, 11 * kMilli, kShareSecond));
  EXPECT_FALSE(share.Waste(7, 11 * kMilli, kShareSecond));
}

TEST(LoopShareTest, TimePays) {
  LoopShare share(kOnePercent);
  share.Waste(7, 11 * kMilli, kShareSecond);
  EXPECT_TRUE(share.IsOverdrawn(7, kShareSecond + 100 * kMilli - 1));
  EXPECT_FALSE(share.IsOverdrawn(7, kShareSecond + 100 * kMilli));
  EXPECT_TRUE(share.Waste(7, 1, kShareSecond + 100 * kMilli));
}

TEST(LoopShareTest, SavesNothingUp) {
  LoopShare share(kOnePercent);
  share.Waste(7, 1, kShareSecond);
  EXPECT_FALSE(share.Waste(7, 10 * kMilli, 1000 * kShareSecond));
  EXPECT_TRUE(share.Waste(7, 1, 1000 * kShareSecond));
}

TEST(LoopShareTest, ChargesEachUidAlone) {
  LoopShare share(kOnePercent);
  share.Waste(7, kShareSecond, kShareSecond);
  EXPECT_FALSE(share.IsOverdrawn(8, kShareSecond));
}

TEST(LoopShareTest, HasALimitOfItsOwnForRoot) {
  LoopShare share(kOnePercent);
  EXPECT_FALSE(share.Waste(0, 100 * kShareSecond, kShareSecond));
  EXPECT_FALSE(share.IsOverdrawn(0, kShareSecond));
  LoopShare strict({.permille = 1000, .permille_of_root = 10});
  EXPECT_TRUE(strict.Waste(0, kShareSecond, kShareSecond));
  EXPECT_FALSE(strict.Waste(7, 100 * kShareSecond, kShareSecond));
}

TEST(LoopShareTest, RemembersAnOverdrawnUidAmongMany) {
  LoopShare share(kOnePercent);
  share.Waste(7, 20 * kMilli, kShareSecond);
  for (uid_t uid = 1000; uid < 3000; ++uid) share.Waste(uid, 1, kShareSecond + uid);
  EXPECT_TRUE(share.IsOverdrawn(7, kShareSecond + 4000));
}

}  // namespace
}  // namespace sluice::net
