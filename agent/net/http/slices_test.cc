// What takes long is worked on in slices, between which others are served.
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/net/grpc_server_fixture.h"

namespace sluice::net {
namespace {

using ::sluice::testing::GrpcMessage;
using ::sluice::testing::H2Client;

constexpr uint64_t kMilli = 1'000'000;

class SlicesTest : public GrpcServerTest {
 protected:
  // Messages that begin with `long` take `slices` slices, of a millisecond each.
  void TakeLong(int slices) {
    script_.on_message = [this, slices](std::string_view message) {
      clock_.now += kMilli;
      if (!message.starts_with("long")) return;
      places_ = {message.data()};
      left_ = slices - 1;
      if (left_ > 0) script_.call->ContinueLater();
    };
    script_.on_continue = [this](std::string_view message) {
      clock_.now += kMilli;
      EXPECT_EQ(message, script_.messages.back());
      places_.push_back(message.data());
      if (--left_ > 0) script_.call->ContinueLater();
    };
  }
  // Turns until the long message has begun.
  void UntilUnderWay(H2Client* client) {
    ASSERT_TRUE(Until(client, [this] { return !places_.empty(); }));
  }

  std::vector<const char*> places_;  // where the message lay in each slice
  int left_ = 0;
};

TEST_F(SlicesTest, GoesOnWithAMessageInLaterTurns) {
  TakeLong(5);
  const auto client = Connect();
  const int32_t id = client->Open("/t.T/Script");
  client->SendBytes(id, GrpcMessage("long one") + GrpcMessage("next") + GrpcMessage("last"));
  client->HalfClose(id);
  UntilUnderWay(client.get());
  for (int i = 4; i > 0; --i) {
    EXPECT_EQ(left_, i);
    EXPECT_EQ(script_.messages.size(), 1u);
    EXPECT_EQ(script_.events, "");
    loop_->RunOnce(0);
  }
  EXPECT_TRUE(Until(client.get(), [this] { return script_.events == "half-close "; }));
  EXPECT_THAT(script_.messages, ::testing::ElementsAre("long one", "next", "last"));
}

// The loop does not sleep while there is something to go on with.
TEST_F(SlicesTest, DoesNotWaitBetweenSlices) {
  TakeLong(3);
  const auto client = Connect();
  const int32_t id = client->Open("/t.T/Script");
  client->Send(id, "long");
  UntilUnderWay(client.get());
  loop_->RunOnce(-1);
  loop_->RunOnce(-1);
  EXPECT_EQ(left_, 0);
}

TEST_F(SlicesTest, MovesAMessageOnceAndNotOneThatCameInPieces) {
  TakeLong(5);
  const auto client = Connect();
  const int32_t id = client->Open("/t.T/Script");
  client->Send(id, "long one");
  ASSERT_TRUE(Until(client.get(), [this] { return places_.size() == 5; }));
  for (size_t i = 2; i < 5; ++i) EXPECT_EQ(places_[i], places_[1]);
  places_.clear();
  const std::string message = GrpcMessage("long" + std::string(250'000, 'x'));
  for (size_t at = 0; at < message.size(); at += 50'000) {
    client->SendBytes(id, message.substr(at, 50'000));
    Settle(client.get());
  }
  ASSERT_TRUE(Until(client.get(), [this] { return places_.size() == 5; }));
  for (size_t i = 1; i < 5; ++i) EXPECT_EQ(places_[i], places_[0]);
}

TEST_F(SlicesTest, WorksOnOneMessageOfAUidAtATime) {
  TakeLong(4);
  const auto client = Connect();
  const auto other = Connect();
  const int32_t echo = other->Ask("/t.T/Echo", "x");
  ASSERT_TRUE(UntilEnded(other.get(), echo));
  const int32_t id = client->Open("/t.T/Script");
  client->Send(id, "long");
  UntilUnderWay(client.get());
  const int32_t late = other->Ask("/t.T/Echo", "x");
  other->Pump();
  for (; left_ > 0; loop_->RunOnce(0)) {
    other->Pump();
    EXPECT_FALSE(other->call(late).ended);
  }
  EXPECT_TRUE(UntilEnded(other.get(), late));
}

TEST_F(SlicesTest, EndsASliceBetweenMessagesThatTakeLong) {
  script_.on_message = [this](std::string_view) { clock_.now += 300'000; };
  const auto client = Connect();
  const int32_t id = client->Open("/t.T/Script");
  std::string bytes;
  for (int i = 0; i < 30; ++i) bytes += GrpcMessage(std::string(100, 'x'));
  client->SendBytes(id, bytes);
  client->HalfClose(id);
  ASSERT_TRUE(Until(client.get(), [this] { return !script_.messages.empty(); }));
  // The clock is read every few messages.
  for (size_t before = 0; script_.messages.size() < 30; loop_->RunOnce(0)) {
    EXPECT_LE(script_.messages.size(), before + 8);
    EXPECT_GT(budget_.used(), 0u) << "what waits is charged";
    before = script_.messages.size();
  }
  EXPECT_TRUE(Until(client.get(), [this] { return script_.events == "half-close "; }));
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(SlicesTest, ForgetsAMessageWhoseCallMeetsItsDeadline) {
  TakeLong(1'000'000);
  const auto client = Connect();
  const int32_t id = client->Open("/t.T/Script", {{"grpc-timeout", "1S"}});
  client->SendBytes(id, GrpcMessage("long one") + GrpcMessage("next"));
  UntilUnderWay(client.get());
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).status(), "4");
  EXPECT_THAT(script_.messages, ::testing::ElementsAre("long one"));
  const int32_t echo = client->Ask("/t.T/Echo", "x");
  EXPECT_TRUE(UntilEnded(client.get(), echo));
}

TEST_F(SlicesTest, ForgetsAMessageWhoseConnectionEnds) {
  TakeLong(1'000'000);
  const auto client = Connect();
  const int32_t id = client->Open("/t.T/Script");
  client->SendBytes(id, GrpcMessage("long one") + GrpcMessage("next"));
  UntilUnderWay(client.get());
  script_.call->connection().Close("test");
  ASSERT_TRUE(Until(client.get(), [this] { return server_->connection_count() == 0; }));
  EXPECT_EQ(script_.events, "cancel destroyed ");
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(SlicesTest, DrainsOnlyWhenAMessageIsDoneWith) {
  TakeLong(5);
  const auto client = Connect();
  const int32_t id = client->Open("/t.T/Script");
  client->Send(id, "long");
  client->HalfClose(id);
  script_.on_half_close = [this] { script_.call->Finish(absl::OkStatus()); };
  UntilUnderWay(client.get());
  bool drained = false;
  server_->Drain([&] { drained = true; });
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(left_, 0);
  EXPECT_EQ(client->call(id).status(), "0");
  EXPECT_TRUE(Until(client.get(), [&] { return drained; }));
}

// The last piece of a message is more than may be held: nobody looks at it.
TEST_F(SlicesTest, RefusesForMemoryBeforeTheWork) {
  // Of our own uid: what others hold is no loss of root's.
  constexpr size_t kRoom = 210'000;
  ASSERT_TRUE(budget_.Charge(getuid(), 3 * 1024 * 1024 - kRoom));
  const auto client = Connect();
  const int32_t id = client->Open("/t.T/Script");
  const std::string message = GrpcMessage(std::string(250'000, 'x'));
  for (size_t at = 0; at < message.size(); at += 50'000) {
    client->SendBytes(id, message.substr(at, 50'000));
    Settle(client.get());
  }
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).status(), "8");
  EXPECT_TRUE(script_.messages.empty());
  EXPECT_EQ(counters_.Total("net.refused", "memory"), 1u);
}

}  // namespace
}  // namespace sluice::net
