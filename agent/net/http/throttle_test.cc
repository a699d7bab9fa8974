// A uid that keeps the loop busy for nothing is not read from for a while, and no other is.
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/net/grpc_server_fixture.h"

namespace sluice::net {
namespace {

using ::sluice::testing::Frame;
using ::sluice::testing::H2Client;

constexpr uint64_t kMillisecond = 1'000'000;

class ThrottleTest : public GrpcServerTest {
 protected:
  ThrottleTest() {
    GrpcServer::Limits limits;
    limits.waste = {.permille = 10, .permille_of_root = 10};
    MakeServer(limits);
  }

  void Ask(H2Client* client, std::string_view path) {
    const int32_t id = client->Ask(path, "x");
    ASSERT_TRUE(UntilEnded(client, id));
  }
  // Asks for nothing until the uid is not read from. Time stands still.
  void Overdraw() {
    const auto client = Connect();
    int32_t id = 0;
    for (int i = 0; i < 10'000 && Throttled() == 0; ++i) {
      id = client->Ask("/t.T/Refuse", "x");
      Until(client.get(), [&] { return client->call(id).ended || Throttled() > 0; });
    }
    ASSERT_EQ(Throttled(), 1u);
  }

  bool IsServed(H2Client* client) {
    const int32_t id = client->Ask("/t.T/Echo", "x");
    Settle(client);
    return client->call(id).ended;
  }
  uint64_t Throttled() { return counters_.Total("net.throttled"); }
};

TEST_F(ThrottleTest, DoesNotReadFromAUidThatWastesUntilTimeHasPaid) {
  const auto client = Connect();
  ASSERT_TRUE(IsServed(client.get()));
  Overdraw();
  const int32_t id = client->Ask("/t.T/Echo", "x");
  Settle(client.get());
  EXPECT_FALSE(client->call(id).ended);
  clock_.now += 100 * kMillisecond;
  EXPECT_TRUE(UntilEnded(client.get(), id));
}

TEST_F(ThrottleTest, LetsMistakesPass) {
  const auto client = Connect();
  for (int i = 0; i < 500 && !HasFailure(); ++i) Ask(client.get(), "/t.T/Refuse");
  EXPECT_TRUE(IsServed(client.get()));
  EXPECT_EQ(Throttled(), 0u);
}

TEST_F(ThrottleTest, LeavesAUidAloneWhoseRequestsAreTaken) {
  const auto client = Connect();
  for (int i = 0; i < 10'000 && !HasFailure(); ++i) Ask(client.get(), "/t.T/Echo");
  EXPECT_EQ(Throttled(), 0u);
}

TEST_F(ThrottleTest, LeavesAStreamAloneThatGoesOn) {
  const auto client = Connect();
  const int32_t id = client->Open("/t.T/Script");
  for (size_t i = 1; i <= 10'000; ++i) {
    client->Send(id, "x");
    ASSERT_TRUE(Until(client.get(), [&] { return script_.messages.size() == i; }));
  }
  EXPECT_EQ(Throttled(), 0u);
}

TEST_F(ThrottleTest, CountsConnectionsThatNeverAsk) {
  for (int i = 0; i < 1000 && Throttled() == 0; ++i) {
    ConnectRaw();
    for (int turn = 0; turn < 2; ++turn) loop_->RunOnce(0);
  }
  EXPECT_EQ(Throttled(), 1u);
}

TEST_F(ThrottleTest, LeavesShortConnectionsAloneThatAsk) {
  for (int i = 0; i < 1000 && !HasFailure(); ++i) Ask(Connect().get(), "/t.T/Echo");
  EXPECT_EQ(Throttled(), 0u);
}

// What comes back are WINDOW_UPDATE frames alone.
TEST_F(ThrottleTest, LeavesAPeerAloneThatOnlyListens) {
  const auto client = Connect();
  const int32_t id = client->Open("/t.T/Script");
  client->Send(id, "x");
  ASSERT_TRUE(Until(client.get(), [&] { return script_.messages.size() == 1; }));
  for (size_t i = 1; i <= 5'000 && !HasFailure(); ++i) {
    script_.call->Send(std::string(40'000, 'a'));
    EXPECT_TRUE(Until(client.get(), [&] { return client->call(id).messages.size() == i; }));
  }
  EXPECT_EQ(Throttled(), 0u);
}

TEST_F(ThrottleTest, LetsANewConnectionOfTheUidWaitToo) {
  Overdraw();
  const auto late = Connect();
  const int32_t id = late->Ask("/t.T/Echo", "x");
  Settle(late.get());
  EXPECT_FALSE(late->call(id).ended);
  clock_.now += 2 * kSecond;
  EXPECT_TRUE(UntilEnded(late.get(), id));
}

TEST_F(ThrottleTest, ReadsAgainFromAllThatWaited) {
  std::vector<std::unique_ptr<H2Client>> clients;
  std::vector<int32_t> ids;
  for (int i = 0; i < 20; ++i) clients.push_back(Connect());
  Overdraw();
  for (const auto& client : clients) {
    ids.push_back(client->Ask("/t.T/Echo", "x"));
    Settle(client.get());
  }
  for (size_t i = 0; i < clients.size(); ++i) {
    EXPECT_TRUE(Until(clients[i].get(), [&] {
      clock_.now += 10 * kMillisecond;
      return clients[i]->call(ids[i]).ended;
    }));
  }
}

// The answer is more than the socket takes at once: its rest waits for the peer to read.
TEST_F(ThrottleTest, StillAnswersAConnectionThatWaits) {
  auto [near, far] = testing::SocketPair();
  const int small = 4096;
  ASSERT_EQ(::setsockopt(far.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
  server_->AddConnection(std::move(far));
  H2Client client(std::move(near));
  const int32_t id = client.Ask("/t.T/Script", "x");
  ASSERT_TRUE(Until(&client, [&] { return script_.events == "half-close "; }));
  Call* const call = script_.call;
  Overdraw();
  ASSERT_FALSE(IsServed(&client));
  call->Send(std::string(60'000, 'a'));
  call->Finish(absl::OkStatus());
  EXPECT_TRUE(UntilEnded(&client, id));
  EXPECT_EQ(client.call(id).status(), "0");
}

TEST_F(ThrottleTest, ForgetsAConnectionThatEndsWhileItWaits) {
  auto client = Connect();
  ASSERT_TRUE(IsServed(client.get()));
  Overdraw();
  IsServed(client.get());
  server_->Close();
  clock_.now += 2 * kSecond;
  Settle(client.get());
  EXPECT_FALSE(client->connected());
}

TEST_F(ThrottleTest, ForgivesWhatALargeMessageCostsButNotOneInFramesOfAByte) {
  const std::string message = testing::GrpcMessage(std::string(290'000, 'x'));
  const auto client = Connect();
  for (int i = 0; i < 100; ++i) {
    const int32_t id = client->Open("/t.T/Script");
    client->SendBytes(id, message.substr(0, 280'000));
    Settle(client.get());
    client->Reset(id);
    Settle(client.get());
  }
  EXPECT_EQ(Throttled(), 0u);

  const UniqueFd raw = ConnectRaw();
  std::string wire(testing::kPreface);
  wire += Frame(NGHTTP2_SETTINGS, 0, 0, "");
  wire += Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, testing::RequestBlock("/t.T/Script"));
  for (const char byte : message) wire += Frame(NGHTTP2_DATA, 0, 1, std::string(1, byte));
  for (size_t at = 0; at < wire.size() && Throttled() == 0;) {
    const ssize_t sent = ::send(raw.get(), wire.data() + at, wire.size() - at, MSG_DONTWAIT);
    if (sent > 0) at += static_cast<size_t>(sent);
    loop_->RunOnce(0);
  }
  EXPECT_EQ(Throttled(), 1u);
}

}  // namespace
}  // namespace sluice::net
