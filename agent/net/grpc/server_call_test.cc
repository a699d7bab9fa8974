#include "agent/net/grpc/server_call.h"

#include <nghttp2/nghttp2.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "tests/support/net/grpc_server_fixture.h"

namespace sluice::net {
namespace {

using ServerCallTest = GrpcServerTest;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(ServerCallTest, AnswersAUnaryCall) {
  const auto client = Connect();
  const int32_t id = client->Ask("/t.T/Echo", "hello");
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_THAT(client->call(id).messages, ElementsAre("hello"));
  EXPECT_EQ(client->call(id).status(), "0");
  EXPECT_EQ(client->call(id).fields.at(":status"), "200");
  EXPECT_EQ(client->call(id).fields.at("content-type"), "application/grpc");
}

TEST_F(ServerCallTest, SaysUnimplementedForAPathItDoesNotKnow) {
  const auto client = Connect();
  const int32_t id = client->Ask("/t.T/Nothing", "x");
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).status(), "12");
  EXPECT_EQ(client->call(id).fields.at("grpc-message"), "no method /t.T/Nothing");
}

TEST_F(ServerCallTest, RefusesInTheFactoryWithAStatusAndARetryTime) {
  const auto client = Connect();
  const int32_t id = client->Open("/t.T/Refuse");
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).status(), "14");
  EXPECT_EQ(client->call(id).fields.at("grpc-message"), "50%25 full");
  EXPECT_EQ(client->call(id).fields.at("grpc-retry-pushback-ms"), "750");
}

TEST_F(ServerCallTest, CarriesAStreamInBothDirections) {
  const auto client = Connect();
  script_.on_message = [this](std::string_view message) {
    script_.call->Send(std::string(message) + "!");
  };
  script_.on_half_close = [this] { script_.call->Finish(absl::OkStatus()); };
  const int32_t id = client->Open("/t.T/Script");
  client->Send(id, "a");
  ASSERT_TRUE(Until(client.get(), [&] { return client->call(id).messages.size() == 1; }));
  client->Send(id, "b");
  client->Send(id, std::string(300'000, 'c'));
  client->HalfClose(id);
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_THAT(client->call(id).messages, ElementsAre("a!", "b!", std::string(300'000, 'c') + "!"));
  EXPECT_EQ(client->call(id).status(), "0");
  EXPECT_THAT(script_.events, ::testing::EndsWith("half-close destroyed "));
}

TEST_F(ServerCallTest, AnswersInALaterTurnByTheCallsId) {
  const auto client = Connect();
  const int32_t id = client->Ask("/t.T/Script", "x");
  ASSERT_TRUE(Until(client.get(), [&] { return script_.events == "half-close "; }));
  Call* const call = server_->FindCall(script_.id);
  ASSERT_NE(call, nullptr);
  EXPECT_EQ(call->path(), "/t.T/Script");
  call->Finish(absl::OkStatus());
  EXPECT_EQ(server_->FindCall(script_.id), nullptr);
  EXPECT_TRUE(UntilEnded(client.get(), id));
}

TEST_F(ServerCallTest, CancelsTheHandlerWhenThePeerResets) {
  const auto client = Connect();
  const int32_t id = client->Open("/t.T/Script");
  client->Send(id, "x");
  ASSERT_TRUE(Until(client.get(), [&] { return !script_.messages.empty(); }));
  client->Reset(id);
  ASSERT_TRUE(Until(client.get(), [&] { return script_.events == "cancel destroyed "; }));
  EXPECT_EQ(server_->FindCall(script_.id), nullptr);
}

TEST_F(ServerCallTest, EndsACallAtItsDeadline) {
  const auto client = Connect();
  const int32_t id = client->Open("/t.T/Script", {{"grpc-timeout", "100m"}});
  ASSERT_TRUE(Until(client.get(), [&] { return script_.call != nullptr; }));
  clock_.now += kSecond / 10 - 1;
  Settle(client.get());
  EXPECT_FALSE(client->call(id).ended);
  clock_.now += 1;
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).status(), "4");
  EXPECT_EQ(script_.events, "cancel destroyed ");
  EXPECT_EQ(counters_.Total("net.refused", "deadline"), 1u);
}

TEST_F(ServerCallTest, ADeadlineAfterTheCallTookEffectIsNoRefusal) {
  const auto client = Connect();
  const int32_t id = client->Open("/t.T/Script", {{"grpc-timeout", "100m"}});
  ASSERT_TRUE(Until(client.get(), [&] { return script_.call != nullptr; }));
  script_.call->MarkTaken();
  clock_.now += kSecond / 10;
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).status(), "4");
  EXPECT_EQ(counters_.Total("net.refused", "deadline"), 0u);
  EXPECT_EQ(counters_.Total("net.late_answers", ""), 1u);
}

TEST_F(ServerCallTest, RefusesAMessageAboveTheRoutesLimitUnread) {
  const auto client = Connect();
  const int32_t fits = client->Open("/t.T/Script");
  client->Send(fits, std::string(300'000, 'x'));
  ASSERT_TRUE(Until(client.get(), [&] { return script_.messages.size() == 1; }));
  const int32_t id = client->Open("/t.T/Script");
  client->SendBytes(id, std::string("\0\0\x04\x93\xe1", 5));  // announces 300,001
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).status(), "8");
  EXPECT_EQ(script_.messages.size(), 1u);
  EXPECT_EQ(counters_.Total("net.refused", "message_too_large"), 1u);
}

TEST_F(ServerCallTest, RefusesACompressedMessageAndSaysWhatItTakes) {
  const auto client = Connect();
  const int32_t id = client->Open("/t.T/Script");
  client->SendBytes(id, std::string("\1\0\0\0\1x", 6));
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).status(), "12");
  EXPECT_EQ(client->call(id).fields.at("grpc-accept-encoding"), "identity");
  EXPECT_EQ(script_.events, "cancel destroyed ");
}

TEST_F(ServerCallTest, RefusesARequestThatEndsWithinAMessage) {
  const auto client = Connect();
  const int32_t id = client->Open("/t.T/Script");
  client->SendBytes(id, std::string("\0\0\0\0\2x", 6));
  client->HalfClose(id);
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).status(), "13");
  EXPECT_THAT(script_.messages, IsEmpty());
}

TEST_F(ServerCallTest, RefusesAUnaryCallWithoutItsMessage) {
  const auto client = Connect();
  const int32_t id = client->Open("/t.T/Echo");
  client->HalfClose(id);
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).status(), "3");
}

TEST_F(ServerCallTest, ResetWithinAMessageLeavesTheConnectionsWindowOpen) {
  const auto client = Connect();
  for (int round = 0; round < 10; ++round) {  // more than the window in all
    const int32_t id = client->Open("/t.T/Script");
    client->SendBytes(id, std::string("\0\0\x04\x93\xe0", 5) + std::string(250'000, 'm'));
    ASSERT_TRUE(Until(client.get(), [&] { return budget_.used() >= 240'000; })) << round;
    client->Reset(id);
    ASSERT_TRUE(Until(client.get(), [&] { return budget_.used() == 0; })) << round;
  }
}

TEST_F(ServerCallTest, EndsACallThatWouldHoldMoreThanItsUidMay) {
  const auto client = Connect();
  Settle(client.get());
  ASSERT_TRUE(budget_.Charge(::geteuid(), 2'900'000));
  const int32_t id = client->Open("/t.T/Script");
  client->SendBytes(id, std::string("\0\0\x04\x93\xe0", 5) + std::string(250'000, 'x'));
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).status(), "8");
  EXPECT_EQ(script_.events, "cancel destroyed ");
  EXPECT_EQ(counters_.Total("net.refused", "memory"), 1u);
  budget_.Release(::geteuid(), 2'900'000);
  EXPECT_EQ(budget_.used(), 0u);
}

// Frames by hand, written when the test says so.
class RawCallTest : public ServerCallTest {
 protected:
  RawCallTest() {
    Write(std::string(testing::kPreface) + testing::Frame(NGHTTP2_SETTINGS, 0, 0, ""));
    // Only then may a frame have as many bytes as it says.
    Write(testing::Frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, ""));
  }
  void Write(std::string_view bytes) {
    ASSERT_EQ(::send(near_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    loop_->RunOnce(0);
  }
  void Open(int32_t stream) {
    Write(testing::Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, stream,
                         testing::RequestBlock("/t.T/Script")));
  }

  const UniqueFd near_ = ConnectRaw();
};

TEST_F(RawCallTest, TakesAMessageWhoseFramesAreCutAnywhere) {
  std::string text(10'000, ' ');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  const std::string message = testing::GrpcMessage(text);
  Open(1);
  size_t expected = 0;
  for (const size_t length : {1'000u, 4'096u, 9'990u}) {
    std::string wire;
    for (size_t at = 0; at < message.size(); at += length) {
      wire += testing::Frame(NGHTTP2_DATA, 0, 1, message.substr(at, length));
    }
    for (size_t cut = 1; cut < wire.size(); cut += 37) {
      Write(wire.substr(0, cut));
      Write(wire.substr(cut));
      ++expected;
      for (int turn = 0; turn < 10 && script_.messages.size() < expected; ++turn) {
        loop_->RunOnce(0);
      }
      ASSERT_EQ(script_.messages.size(), expected) << length << " " << cut;
      ASSERT_TRUE(script_.messages.back() == text) << length << " " << cut;
    }
  }
  EXPECT_EQ(budget_.used(), 0u);
}

// Once reads are large, there is room for what one of them brings.
TEST_F(RawCallTest, ChargesTheRoomForAMessageBeforeItsBytesCome) {
  Open(1);
  for (size_t i = 1; i <= 5; ++i) {
    Write(testing::Frame(NGHTTP2_DATA, 0, 1, testing::GrpcMessage(std::string(150'000, 'x'))));
    for (int turn = 0; turn < 20 && script_.messages.size() < i; ++turn) loop_->RunOnce(0);
    ASSERT_EQ(script_.messages.size(), i);
  }
  ASSERT_EQ(budget_.used(), 0u);
  // One small read of a message of 290,000 bytes.
  const std::string part = std::string("\0\0\x04\x6c\xd0", 5) + std::string(4096 - 14, 'x');
  Write(testing::Frame(NGHTTP2_DATA, 0, 1, part + std::string(100, 'x')).substr(0, 4096));
  EXPECT_GE(budget_.used(), 250'000u);
}

TEST_F(RawCallTest, EndsACallForWhoseNextBytesThereIsNoRoom) {
  ASSERT_TRUE(budget_.Charge(::geteuid(), 3 * 1024 * 1024 - 50'000));
  Open(1);
  // Of 290,000 bytes; reads are small as yet.
  const std::string part = std::string("\0\0\x04\x6c\xd0", 5) + std::string(40'000, 'x');
  Write(testing::Frame(NGHTTP2_DATA, 0, 1, part + std::string(100'000, 'x')).substr(0, 40'014));
  for (int turn = 0; turn < 20; ++turn) loop_->RunOnce(0);
  EXPECT_EQ(counters_.Total("net.refused", "memory"), 1u);
  EXPECT_EQ(script_.events, "cancel destroyed ");
  budget_.Release(::geteuid(), 3 * 1024 * 1024 - 50'000);
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(ServerCallTest, TellsWhenAllThatWasSentIsOut) {
  const auto client = Connect();
  const int32_t id = client->Ask("/t.T/Script", "x");
  ASSERT_TRUE(Until(client.get(), [&] { return script_.events == "half-close "; }));
  script_.call->Send(std::string(1'000'000, 'r'));
  loop_->RunOnce(0);
  EXPECT_EQ(script_.events, "half-close ");
  EXPECT_GT(script_.call->unsent_bytes(), 0u);
  ASSERT_TRUE(Until(client.get(), [&] { return script_.events == "half-close writable "; }));
  EXPECT_EQ(script_.call->unsent_bytes(), 0u);
  script_.call->Finish(absl::OkStatus());
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).messages.at(0).size(), 1'000'000u);
}

TEST_F(ServerCallTest, EndsACallWhoseServiceSaysMoreThanThePeerReads) {
  const auto client = Connect();
  const int32_t id = client->Ask("/t.T/Script", "x");
  ASSERT_TRUE(Until(client.get(), [&] { return script_.events == "half-close "; }));
  for (int i = 0; i < 9; ++i) script_.call->Send(std::string(1'000'000, 'r'));
  EXPECT_EQ(script_.events, "half-close ");
  loop_->RunOnce(0);
  EXPECT_EQ(script_.events, "half-close cancel destroyed ");
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).status(), "8");
}

TEST_F(ServerCallTest, RefusesAnAnswerThatIsMoreThanMayBeHeldThoughItEndsTheCall) {
  const auto client = Connect();
  script_.on_message = [this](std::string_view size) {
    script_.call->Send(std::string(std::stoul(std::string(size)), 'r'));
    script_.call->Finish(absl::OkStatus());
  };
  for (const char* size : {"9000000", "3500000"}) {  // for one call, for one uid
    const int32_t id = client->Ask("/t.T/Script", size);
    ASSERT_TRUE(UntilEnded(client.get(), id));
    EXPECT_EQ(client->call(id).status(), "8");
    EXPECT_EQ(client->call(id).messages.size(), 0u);
  }
  EXPECT_EQ(counters_.Total("net.refused", "memory"), 2u);
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(ServerCallTest, IgnoresWhatAServiceDoesToAFinishedCall) {
  const auto client = Connect();
  script_.on_message = [this](std::string_view) {
    script_.call->Finish(absl::NotFoundError("no"));
    script_.call->Send("too late");
    script_.call->Finish(absl::OkStatus());
  };
  const int32_t id = client->Open("/t.T/Script");
  client->Send(id, "a");
  client->Send(id, "b");
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).status(), "5");
  EXPECT_THAT(client->call(id).messages, IsEmpty());
  EXPECT_THAT(script_.messages, ElementsAre("a"));
}

}  // namespace
}  // namespace sluice::net
