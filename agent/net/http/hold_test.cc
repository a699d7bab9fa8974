// A uid that a gate holds is not read from; what it sent waits in its own sockets.
#include <unistd.h>

#include <memory>

#include "tests/support/net/grpc_server_fixture.h"

namespace sluice::net {
namespace {

using ::sluice::testing::H2Client;

class FakeGate final : public FlowGate {
 public:
  bool Holds(uid_t uid) override {
    EXPECT_EQ(uid, ::getuid());
    ++asked;
    return holds;
  }
  bool holds = false;
  int asked = 0;
};

class HoldTest : public GrpcServerTest {
 protected:
  HoldTest() {
    gates_ = {&open_, &gate_};
    MakeServer({});
  }

  // Asked while the gate holds.
  int32_t AskHeld(H2Client* client) {
    gate_.holds = true;
    const int32_t id = client->Ask("/t.T/Echo", "x");
    Settle(client);
    EXPECT_FALSE(client->call(id).ended);
    return id;
  }
  uint64_t Held() { return counters_.Total("net.held"); }

  FakeGate open_;
  FakeGate gate_;
};

TEST_F(HoldTest, ReadsAgainOnceTheGateIsOpen) {
  const auto client = Connect();
  const int32_t id = AskHeld(client.get());
  server_->ReleaseHeld();
  Settle(client.get());
  EXPECT_FALSE(client->call(id).ended) << "the gate still holds";
  gate_.holds = false;
  Settle(client.get());
  EXPECT_FALSE(client->call(id).ended) << "nobody asked the gate again";
  server_->ReleaseHeld();
  EXPECT_TRUE(UntilEnded(client.get(), id));
}

TEST_F(HoldTest, CountsAHoldOnceAndDoesNotTurnForIt) {
  const auto client = Connect();
  AskHeld(client.get());
  const int asked = gate_.asked;
  for (int i = 0; i < 10; ++i) loop_->RunOnce(0);
  EXPECT_EQ(gate_.asked, asked);
  EXPECT_EQ(Held(), 1u);
}

TEST_F(HoldTest, LetsOneReadPassAfterTwoSeconds) {
  const auto client = Connect();
  const int32_t first = AskHeld(client.get());
  clock_.now += 2 * kSecond - 1;
  Settle(client.get());
  EXPECT_FALSE(client->call(first).ended);
  clock_.now += kSecond / 5;
  EXPECT_TRUE(UntilEnded(client.get(), first));
  const int32_t second = AskHeld(client.get());
  clock_.now += 2 * kSecond + kSecond / 5;
  EXPECT_TRUE(UntilEnded(client.get(), second));
}

// What was on its way before goes out, and does not read the connection from which it is held.
TEST_F(HoldTest, StillAnswersAConnectionThatIsHeld) {
  const auto client = Connect();
  const int32_t id = client->Ask("/t.T/Script", "x");
  ASSERT_TRUE(Until(client.get(), [&] { return script_.events == "half-close "; }));
  const int32_t held = AskHeld(client.get());
  script_.call->Send("answer");
  script_.call->Finish(absl::OkStatus());
  EXPECT_TRUE(UntilEnded(client.get(), id));
  EXPECT_FALSE(client->call(held).ended);
}

TEST_F(HoldTest, ForgetsAConnectionThatEndsWhileItIsHeld) {
  const auto client = Connect();
  AskHeld(client.get());
  server_->Close();
  server_->ReleaseHeld();
  clock_.now += 3 * kSecond;
  Settle(client.get());
  EXPECT_FALSE(client->connected());
}

// Its call's handler ends the connection: it is not watched again before it is gone.
TEST_F(HoldTest, LeavesAConnectionAloneThatIsAboutToEnd) {
  const auto client = Connect();
  client->Ask("/t.T/Script", "x");
  ASSERT_TRUE(Until(client.get(), [&] { return script_.events == "half-close "; }));
  AskHeld(client.get());
  gate_.holds = false;
  script_.call->connection().Close("test");
  server_->ReleaseHeld();
  const int asked = gate_.asked;
  Settle(client.get());
  EXPECT_EQ(gate_.asked, asked);
  EXPECT_FALSE(client->connected());
}

}  // namespace
}  // namespace sluice::net
