#include "agent/net/connection_tally.h"

#include "absl/cleanup/cleanup.h"
#include "agent/base/user_of.h"
#include "gtest/gtest.h"

namespace sluice::net {
namespace {

constexpr ServerLimits kLimits{
    .connections_per_uid = 2, .connections_of_root = 3, .connections = 5, .reserved_for_root = 2};

TEST(ConnectionTallyTest, TakesAUidsConnectionsUpToItsLimit) {
  ConnectionTally tally(kLimits);
  EXPECT_EQ(tally.Admit(7), nullptr);
  EXPECT_EQ(tally.Admit(7), nullptr);
  EXPECT_STREQ(tally.Admit(7), "connections_per_uid");
  tally.Leave(7);
  EXPECT_EQ(tally.Admit(7), nullptr);
}

TEST(ConnectionTallyTest, SubordinateUidsShareTheirUsersPlaces) {
  SetSubordinateUids({{165536, 231071, 7}});
  const absl::Cleanup forget = [] { SetSubordinateUids({}); };
  ConnectionTally tally(kLimits);
  EXPECT_EQ(tally.Admit(165536), nullptr);
  EXPECT_EQ(tally.Admit(7), nullptr);
  EXPECT_STREQ(tally.Admit(165537), "connections_per_uid");
  tally.Leave(165536);
  EXPECT_EQ(tally.Admit(165537), nullptr);
}

TEST(ConnectionTallyTest, KeepsTheLastPlacesForRoot) {
  ConnectionTally tally(kLimits);
  for (const uid_t uid : {1, 2, 3}) EXPECT_EQ(tally.Admit(uid), nullptr);
  EXPECT_STREQ(tally.Admit(4), "connections_total");
  EXPECT_EQ(tally.Admit(0), nullptr);
  EXPECT_EQ(tally.Admit(0), nullptr);
  EXPECT_STREQ(tally.Admit(0), "connections_total");
}

TEST(ConnectionTallyTest, UsersWhoTakeAllTheyCanGetLeaveAPartToWhoComesLater) {
  ConnectionTally tally({.connections_per_uid = 20, .connections = 44, .reserved_for_root = 4});
  size_t taken = 0;
  for (int turn = 0; turn < 20; ++turn) {
    for (const uid_t uid : {1, 2, 3}) taken += tally.Admit(uid) == nullptr;
  }
  EXPECT_EQ(taken, 30u);
  EXPECT_STREQ(tally.Admit(1), "connections_total");
  EXPECT_EQ(tally.Admit(4), nullptr);
  EXPECT_EQ(tally.Admit(4), nullptr);
}

TEST(ConnectionTallyTest, BoundsRootByALimitOfItsOwn) {
  ConnectionTally tally({.connections_per_uid = 1, .connections_of_root = 2});
  EXPECT_EQ(tally.Admit(0), nullptr);
  EXPECT_EQ(tally.Admit(0), nullptr);
  EXPECT_STREQ(tally.Admit(0), "connections_per_uid");
}

}  // namespace
}  // namespace sluice::net
