// Calls that are not gRPC's, beside those that are.
#include "agent/net/http/http_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>

#include "tests/support/net/grpc_server_fixture.h"

namespace sluice::net {
namespace {

// Answers with what it was asked, once the request is whole.
class EchoCall final : public HttpCall {
 public:
  EchoCall(SocketConnection* connection, int32_t stream_id, const RequestHead& head)
      : connection_(connection), stream_id_(stream_id), type_(head.content_type) {
    answer_ = head.method + " " + head.content_encoding + " " + head.accept_encoding + " " +
              head.user_agent + " " + std::string(head.Extra("x-extra")) + ": ";
  }

  Taken OnBody(std::string_view bytes) override {
    connection_->session().Consume(stream_id_, bytes.size());
    connection_->MarkUseful();
    answer_ += bytes;
    return {.bytes = bytes.size()};
  }
  void OnRequestEnd() override {
    const std::array<ResponseHead::Field, 1> fields = {{{"content-type", type_}}};
    connection_->session().StartResponse(stream_id_, {.status = "202", .fields = fields}, this);
    connection_->MarkBusy();
  }
  void OnStreamClosed() override { connection_->DeferDelete(this); }
  BodyPart ReadBody(char* out, size_t capacity) override {
    const size_t size = std::min(capacity, answer_.size() - sent_);
    std::memcpy(out, answer_.data() + sent_, size);
    sent_ += size;
    return {size, sent_ == answer_.size()};
  }
  const HeaderFields& trailers() const override { return none_; }
  void AtTurnEnd() override {}
  void OnWritten() override {}
  void Abandon() override {}

 private:
  SocketConnection* const connection_;
  const int32_t stream_id_;
  const std::string type_;
  std::string answer_;
  size_t sent_ = 0;
  const HeaderFields none_;
};

class EchoCalls final : public HttpCallFactory {
 public:
  bool Takes(const RequestHead& head) const override { return head.path == "/echo"; }
  std::unique_ptr<HttpCall> Make(SocketConnection* connection, int32_t stream_id,
                                 const RequestHead& head) override {
    return std::make_unique<EchoCall>(connection, stream_id, head);
  }
  std::span<const std::string_view> extra_fields() const override {
    static constexpr std::array<std::string_view, 1> kFields = {"x-extra"};
    return kFields;
  }
};

class HttpServerTest : public GrpcServerTest {
 protected:
  HttpServerTest() { server_->http().AddCalls(&echo_); }
  ~HttpServerTest() override { server_.reset(); }

  EchoCalls echo_;
};

TEST_F(HttpServerTest, AnotherKindOfCallStandsBesideGrpcs) {
  const auto client = Connect();
  const int32_t plain = client->Open("/echo", {{"content-type", "text/plain"},
                                               {"content-encoding", "gzip"},
                                               {"accept-encoding", "br"},
                                               {"user-agent", "me/1"},
                                               {"x-extra", "more"}});
  client->SendBytes(plain, "some ");
  const int32_t grpc = client->Ask("/t.T/Echo", "hello");
  client->SendBytes(plain, "text");
  client->HalfClose(plain);
  ASSERT_TRUE(UntilEnded(client.get(), plain));
  ASSERT_TRUE(UntilEnded(client.get(), grpc));
  EXPECT_EQ(client->call(plain).fields.at(":status"), "202");
  EXPECT_EQ(client->call(plain).fields.at("content-type"), "text/plain");
  EXPECT_EQ(client->call(plain).body, "POST gzip br me/1 more: some text");
  EXPECT_EQ(client->call(plain).status(), "");
  EXPECT_EQ(client->call(grpc).status(), "0");
  EXPECT_THAT(client->call(grpc).messages, ::testing::ElementsAre("hello"));
}

TEST_F(HttpServerTest, ABodyIsAsLongAsItIs) {
  const auto client = Connect();
  const int32_t id = client->Open("/echo", {{":method", "PUT"}, {"content-type", "text/plain"}});
  client->SendBytes(id, std::string(5'000'000, 'b'));
  client->HalfClose(id);
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).body.size(), std::string("PUT    : ").size() + 5'000'000);
}

TEST_F(HttpServerTest, WhatNoKindTakesIsRefused) {
  const auto client = Connect();
  const int32_t id = client->Open("/other", {{"content-type", "text/plain"}});
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).fields.at(":status"), "415");
  EXPECT_EQ(counters_.Total("net.refused", "not_grpc"), 1u);
}

TEST_F(HttpServerTest, TheFirstBytesMayComeOneByOne) {
  const UniqueFd peer = ConnectRaw();
  const std::string wire = std::string(testing::kPreface) + testing::Frame(4, 0, 0, "") +
                           testing::Frame(1, 4, 1, testing::RequestBlock("/t.T/Script"));
  for (const char byte : wire) {
    ASSERT_EQ(::send(peer.get(), &byte, 1, 0), 1);
    loop_->RunOnce(0);
  }
  EXPECT_NE(script_.call, nullptr);
}

TEST_F(HttpServerTest, WhoSpeaksNoHttpIsClosedAtTheFirstByteThatTells) {
  for (const char* bytes : {"\x16\x03\x01", "\x16\x03", "x", "PRx"}) {
    const UniqueFd peer = ConnectRaw();
    ASSERT_GT(::send(peer.get(), bytes, strlen(bytes), 0), 0);
    loop_->RunOnce(0);
    EXPECT_EQ(server_->connection_count(), bytes[0] == 'P' ? 1u : 0u) << bytes;
  }
  EXPECT_EQ(counters_.Total("net.closed", "tls"), 2u);
  EXPECT_EQ(counters_.Total("net.closed", "not_http"), 1u);
}

TEST_F(HttpServerTest, WhoHasGreetedMayTakeMinutesToAsk) {
  const auto client = Connect();
  Settle(client.get());
  clock_.now += 290 * kSecond;
  loop_->RunOnce(0);
  const int32_t id = client->Ask("/t.T/Echo", "x");
  EXPECT_TRUE(UntilEnded(client.get(), id));
  const auto late = Connect();
  Settle(late.get());
  clock_.now += 301 * kSecond;
  loop_->RunOnce(0);
  EXPECT_EQ(counters_.Total("net.closed", "first_request_timeout"), 1u);
}

// Preface, SETTINGS, and a request that is whole where `flags` end its stream.
std::string FirstBytes(uint8_t flags) {
  return std::string(testing::kPreface) + testing::Frame(NGHTTP2_SETTINGS, 0, 0, "") +
         testing::Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1,
                        testing::RequestBlock("/t.T/Script")) +
         testing::Frame(NGHTTP2_DATA, flags, 1, testing::GrpcMessage("ask"));
}

class FirstAnswerTest : public HttpServerTest {
 protected:
  void Say(std::string_view bytes) {
    ASSERT_EQ(::send(socket_.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
    for (int turn = 0; turn < 3; ++turn) loop_->RunOnce(0);
  }
  // What the server has sent since the last call.
  std::string Hear() {
    std::array<char, 4096> bytes;
    const ssize_t size = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    return size > 0 ? std::string(bytes.data(), static_cast<size_t>(size)) : "";
  }
  bool IsSettings(const std::string& bytes) {
    return bytes.size() > 9 && bytes[3] == NGHTTP2_SETTINGS;
  }

  const UniqueFd socket_ = ConnectRaw();
};

TEST_F(FirstAnswerTest, GoesOutWithTheSettings) {
  Say(FirstBytes(NGHTTP2_FLAG_END_STREAM));
  EXPECT_EQ(script_.events, "half-close ");
  EXPECT_EQ(Hear(), "");
  script_.call->Send("answer");
  script_.call->Finish(absl::OkStatus());
  loop_->RunOnce(0);
  const std::string heard = Hear();
  EXPECT_TRUE(IsSettings(heard));
  EXPECT_THAT(heard, ::testing::HasSubstr("answer"));
}

TEST_F(FirstAnswerTest, LetsTheSettingsGoAheadWhenItIsLate) {
  Say(FirstBytes(NGHTTP2_FLAG_END_STREAM));
  clock_.now += 19'000'000;
  loop_->RunOnce(0);
  EXPECT_EQ(Hear(), "");
  clock_.now += 1'000'000;
  loop_->RunOnce(0);
  EXPECT_TRUE(IsSettings(Hear()));
}

TEST_F(FirstAnswerTest, IsNotWaitedForWhileTheRequestIsNotWhole) {
  Say(FirstBytes(0));
  EXPECT_EQ(script_.messages.size(), 1u);
  EXPECT_TRUE(IsSettings(Hear()));
}

TEST_F(FirstAnswerTest, IsNotWaitedForByAnotherThatIsThere) {
  const std::string second =
      testing::Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 3,
                     testing::RequestBlock("/t.T/Echo")) +
      testing::Frame(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 3, testing::GrpcMessage("second"));
  Say(FirstBytes(NGHTTP2_FLAG_END_STREAM) + second);
  EXPECT_EQ(script_.events, "half-close ");
  EXPECT_THAT(Hear(), ::testing::HasSubstr("second"));
}

TEST_F(FirstAnswerTest, IsNotWaitedForByAnotherThatIsOnItsWay) {
  Say(FirstBytes(NGHTTP2_FLAG_END_STREAM) + testing::Frame(NGHTTP2_HEADERS,
                                                           NGHTTP2_FLAG_END_HEADERS, 3,
                                                           testing::RequestBlock("/t.T/Echo")));
  EXPECT_EQ(script_.events, "half-close ");
  EXPECT_TRUE(IsSettings(Hear()));
}

TEST_F(FirstAnswerTest, IsNotWaitedForByWhoAsksForMore) {
  Say(FirstBytes(NGHTTP2_FLAG_END_STREAM) +
      testing::Frame(NGHTTP2_PING, 0, 0, std::string(8, 'p')));
  EXPECT_THAT(Hear(), ::testing::HasSubstr("pppppppp"));
}

}  // namespace
}  // namespace sluice::net
