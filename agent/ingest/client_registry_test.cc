#include "agent/ingest/client_registry.h"

#include "gtest/gtest.h"
#include "proto/record/limits.h"

namespace sluice::ingest {
namespace {

constexpr uint64_t kSecondNanos = 1'000'000'000;

ClientId IdOf(int n) {
  ClientId id;
  id.bytes[0] = static_cast<uint8_t>(n >> 8);
  id.bytes[1] = static_cast<uint8_t>(n);
  id.bytes[2] = 1;
  return id;
}

TEST(ClientRegistryTest, KeepsTheSameIdOfTwoUsersApart) {
  ClientRegistry registry;
  registry.Get(5, IdOf(1), 0)->last_sequence = 70;
  EXPECT_EQ(registry.Get(6, IdOf(1), 0)->last_sequence, 0u);
  EXPECT_EQ(registry.Find(5, IdOf(1))->last_sequence, 70u);
}

TEST(ClientRegistryTest, ForgetsADisconnectedClientAfterItsTimeAndNotBefore) {
  ClientRegistry registry;
  registry.Connect(5, IdOf(1), 0);
  registry.Disconnect(5, IdOf(1), 10 * kSecondNanos);
  const uint64_t end = (10 + limits::kDedupSeconds) * kSecondNanos;
  registry.Expire(end);
  EXPECT_NE(registry.Find(5, IdOf(1)), nullptr);
  registry.Expire(end + 1);
  EXPECT_EQ(registry.Find(5, IdOf(1)), nullptr);
}

TEST(ClientRegistryTest, NeverForgetsAConnectedClient) {
  ClientRegistry registry;
  registry.Connect(5, IdOf(1), 0);
  registry.Expire(1000 * limits::kDedupSeconds * kSecondNanos);
  EXPECT_NE(registry.Find(5, IdOf(1)), nullptr);
}

TEST(ClientRegistryTest, MakesRoomByForgettingWhoIsLongestGone) {
  ClientRegistry registry;
  for (int n = 0; n < limits::kDedupClientsPerUid; ++n) registry.Get(5, IdOf(n), 100 + n);
  ASSERT_NE(registry.Find(5, IdOf(0)), nullptr);
  ASSERT_NE(registry.Get(5, IdOf(5000), 9999), nullptr);
  EXPECT_EQ(registry.Find(5, IdOf(0)), nullptr);
  EXPECT_NE(registry.Find(5, IdOf(1)), nullptr);
}

TEST(ClientRegistryTest, OfAllUsersTheOneWithTheMostGivesRoom) {
  ClientRegistry registry;
  constexpr int kUsers = limits::kDedupClientsOfUsers / limits::kDedupClientsPerUid;
  for (uid_t uid = 1; uid <= kUsers; ++uid) {
    for (int n = 0; n < limits::kDedupClientsPerUid; ++n) registry.Get(uid, IdOf(n), 100 + n);
  }
  EXPECT_EQ(registry.CountOfUsers(), size_t{limits::kDedupClientsOfUsers});
  registry.Connect(1, IdOf(0), 0);
  for (int n = 0; n < 100; ++n) ASSERT_NE(registry.Get(1000, IdOf(n), 9999), nullptr);
  EXPECT_EQ(registry.CountOfUsers(), size_t{limits::kDedupClientsOfUsers});
  for (int n = 0; n < 100; ++n) EXPECT_NE(registry.Find(1000, IdOf(n)), nullptr);
  EXPECT_NE(registry.Find(1, IdOf(0)), nullptr) << "it is connected";
  ASSERT_NE(registry.Get(0, IdOf(0), 0), nullptr);
  EXPECT_EQ(registry.CountOfUsers(), size_t{limits::kDedupClientsOfUsers}) << "root is apart";
  registry.Expire(10'000 + 2 * uint64_t{limits::kDedupSeconds} * kSecondNanos);
  EXPECT_EQ(registry.CountOfUsers(), 1u) << "the one that is connected";
}

TEST(ClientRegistryTest, RefusesANewClientWhenAllOfAUsersAreConnected) {
  ClientRegistry registry;
  for (int n = 0; n < limits::kDedupClientsPerUid; ++n) registry.Connect(5, IdOf(n), 0);
  EXPECT_EQ(registry.Get(5, IdOf(5000), 0), nullptr);
  EXPECT_NE(registry.Get(6, IdOf(5000), 0), nullptr) << "another user is not affected";
}

}  // namespace
}  // namespace sluice::ingest
