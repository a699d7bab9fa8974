#include "agent/journal/unsynced_share.h"

#include "gtest/gtest.h"

namespace sluice::journal {
namespace {

TEST(UnsyncedShareTest, CountsByUserUntilSynced) {
  UnsyncedShare share;
  share.Add(1, 7, 100);
  share.Add(2, 8, 10);
  share.Add(3, 7, 1);
  EXPECT_EQ(share.Of(7).of_uid, 101u);
  EXPECT_EQ(share.Of(8).of_uid, 10u);
  EXPECT_EQ(share.Of(9).of_uid, 0u);
  EXPECT_EQ(share.Of(9).of_users, 111u);
  share.Settle(2);
  EXPECT_EQ(share.Of(7).of_uid, 1u);
  EXPECT_EQ(share.Of(8).of_uid, 0u);
  share.Settle(3);
  EXPECT_EQ(share.Of(7).of_users, 0u);
}

TEST(UnsyncedShareTest, CountsRootApart) {
  UnsyncedShare share;
  share.Add(1, 0, 100);
  share.Add(2, 7, 10);
  EXPECT_EQ(share.Of(0).of_uid, 100u);
  EXPECT_EQ(share.Of(0).of_users, 10u);
}

// A sync that ends among neighbours of one user settles none of the run: that is never too little.
TEST(UnsyncedShareTest, SettlesNeighboursTogether) {
  UnsyncedShare share;
  share.Add(1, 7, 10);
  share.Add(2, 7, 10);
  share.Settle(1);
  EXPECT_EQ(share.Of(7).of_uid, 20u);
  share.Settle(2);
  EXPECT_EQ(share.Of(7).of_uid, 0u);
  share.Add(3, 7, 1'000'000);
  share.Add(4, 7, 10);
  share.Settle(3);
  EXPECT_EQ(share.Of(7).of_uid, 10u);
}

}  // namespace
}  // namespace sluice::journal
