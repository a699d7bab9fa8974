#include "agent/net/peer_table.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::net {
namespace {

Identity Process(pid_t pid, uid_t uid) { return {.pid = pid, .uid = uid, .comm = "job"}; }

TEST(PeerTableTest, CountsTheConnectionsOfAProcess) {
  PeerTable peers;
  peers.Note(Process(1, 7), "HTTP/1.1", "OTel/1", 10);
  peers.Note(Process(2, 8), "TLS", "", 20);
  peers.Note(Process(1, 7), "HTTP/1.1", "OTel/2", 30);
  const auto all = peers.Copy({});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].protocol, "TLS");
  EXPECT_EQ(all[1].user_agent, "OTel/2");
  EXPECT_EQ(all[1].connections, 2u);
  EXPECT_EQ(all[1].last_unix_nano, 30u);
  ASSERT_EQ(peers.Copy(8).size(), 1u);
  EXPECT_EQ(peers.Copy(8)[0].identity.pid, 2);
}

TEST(PeerTableTest, LeavesOutOurOwnAndThoseWithoutAName) {
  PeerTable peers;
  peers.Note(Process(1, 7), "HTTP/2", "sluice", 10);
  peers.Note(Process(1, 7), "HTTP/2", "", 10);
  EXPECT_TRUE(peers.Copy({}).empty());
}

TEST(PeerTableTest, KeepsTheLastOfAUserAndOfAll) {
  PeerTable peers;
  peers.Note(Process(1, 1), "HTTP/2", "other", 1);
  for (int pid = 1; pid <= 20; ++pid) peers.Note(Process(pid, 7), "HTTP/2", "x", 2);
  ASSERT_EQ(peers.Copy(7).size(), PeerTable::kPeersPerUser);
  EXPECT_EQ(peers.Copy(7)[0].identity.pid, 5);
  EXPECT_EQ(peers.Copy(1).size(), 1u);
  for (uid_t uid = 100; uid < 1000; ++uid) peers.Note(Process(1, uid), "HTTP/2", "x", 3);
  EXPECT_EQ(peers.Copy({}).size(), PeerTable::kPeers);
  EXPECT_TRUE(peers.Copy(1).empty());
}

TEST(PeerTableTest, MendsWhatIsNoText) {
  PeerTable peers;
  peers.Note(Process(1, 7), "HTTP/2", "a\xff", 10);
  EXPECT_EQ(peers.Copy({})[0].user_agent, "a\xef\xbf\xbd");
}

}  // namespace
}  // namespace sluice::net
