// Whole requests and their answers, over both protocols and a real socket.
#include "agent/net/http/http_exchanges.h"

#include <sys/socket.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/net/grpc_server_fixture.h"

namespace sluice::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr size_t kMaxBody = 100'000;

class TestService final : public HttpService {
 public:
  std::optional<HttpResponse> Refuse(const RequestHead& head) override {
    if (head.path != "/refused") return std::nullopt;
    return HttpResponse{
        .status = "404", .fields = {{"x", "y"}}, .body = "not here", .refusal = "unknown_path"};
  }
  size_t MaxBodyBytes(const RequestHead&) const override { return kMaxBody; }
  HttpResponse Explain(const RequestHead&, const absl::Status& status) override {
    return {.status = absl::IsResourceExhausted(status) ? "413" : "503",
            .body = std::string(status.message())};
  }
  void OnRequest(HttpExchange& exchange) override {
    HeldBody body = exchange.TakeBody();
    bodies.push_back(body.bytes);
    charged.push_back(body.charge.bytes());
    last = exchange.id();
    if (answers) exchange.Respond({.body = body.bytes});
  }
  void OnGone(ExchangeId exchange) override { gone.push_back(exchange); }

  bool answers = true;
  std::vector<std::string> bodies;
  std::vector<size_t> charged;
  std::vector<ExchangeId> gone;
  ExchangeId last = 0;
};

class HttpExchangesTest : public GrpcServerTest {
 protected:
  HttpExchangesTest() { server_->http().AddCalls(&exchanges_); }
  ~HttpExchangesTest() override { server_.reset(); }

  static std::string Post(const std::string& path, const std::string& body,
                          const std::string& fields = "") {
    return "POST " + path + " HTTP/1.1\r\nhost: x\r\n" + fields +
           "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  // Sends what it can and reads what is there, for so many turns.
  void Turn(int socket, std::string_view to_send, int turns = 5) {
    for (; turns > 0 || !to_send.empty(); --turns) {
      if (!to_send.empty()) {
        const ssize_t sent =
            ::send(socket, to_send.data(), to_send.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EPIPE) to_send = {};
        if (sent > 0) to_send.remove_prefix(static_cast<size_t>(sent));
      }
      loop_->RunOnce(0);
      char buffer[65536];
      for (ssize_t size; (size = ::recv(socket, buffer, sizeof(buffer), MSG_DONTWAIT)) >= 0;) {
        if (size == 0) {
          closed_ = "closed";
          return;
        }
        received_.append(buffer, static_cast<size_t>(size));
      }
    }
  }
  std::string Received() { return std::exchange(received_, {}); }

  TestService service_;
  HttpExchanges exchanges_{&service_};
  std::string received_;
  std::string closed_;
};

TEST_F(HttpExchangesTest, AnswersOverHttp1) {
  const UniqueFd peer = ConnectRaw();
  for (int i = 0; i < 3; ++i) {
    Turn(peer.get(), Post("/a", "hello"));
    EXPECT_EQ(Received(), "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
  }
  EXPECT_EQ(server_->connection_count(), 1u);
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(HttpExchangesTest, AnswersOverHttp2) {
  const auto client = Connect();
  const int32_t id = client->Open("/a", {{"content-type", "text/plain"}});
  client->SendBytes(id, "hello");
  client->HalfClose(id);
  const int32_t refused = client->Open("/refused", {{"content-type", "text/plain"}});
  ASSERT_TRUE(UntilEnded(client.get(), id));
  ASSERT_TRUE(UntilEnded(client.get(), refused));
  EXPECT_EQ(client->call(id).body, "hello");
  EXPECT_EQ(client->call(id).fields.at(":status"), "200");
  EXPECT_EQ(client->call(id).fields.at("content-length"), "5");
  EXPECT_EQ(client->call(refused).body, "not here");
  EXPECT_EQ(client->call(refused).fields.at("x"), "y");
  EXPECT_EQ(counters_.Total("net.refused", "unknown_path"), 1u);
}

TEST_F(HttpExchangesTest, AnswersLaterAndThenTakesWhatWasPipelined) {
  service_.answers = false;
  const UniqueFd peer = ConnectRaw();
  Turn(peer.get(), Post("/1", "one") + Post("/2", "two"));
  EXPECT_THAT(service_.bodies, ElementsAre("one"));
  EXPECT_EQ(Received(), "");
  exchanges_.Find(service_.last)->Respond({.body = "1"});
  Turn(peer.get(), "");
  EXPECT_THAT(Received(), HasSubstr("\r\n\r\n1"));
  EXPECT_THAT(service_.bodies, ElementsAre("one", "two"));
  exchanges_.Find(service_.last)->Respond({.body = "2"});
  Turn(peer.get(), "");
  EXPECT_THAT(Received(), HasSubstr("\r\n\r\n2"));
  Turn(peer.get(), Post("/3", "three"));
  EXPECT_THAT(service_.bodies, ElementsAre("one", "two", "three"));
}

// What comes behind a request that waits for its answer stays in the socket.
TEST_F(HttpExchangesTest, ReadsNoFurtherThanTheSocketsBufferHolds) {
  service_.answers = false;
  const UniqueFd peer = ConnectRaw();
  std::string many;
  while (many.size() < 2'000'000) many += Post("/x", std::string(500, 'x'));
  for (int i = 0; i < 200; ++i) {
    [[maybe_unused]] const ssize_t sent =
        ::send(peer.get(), many.data(), many.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    loop_->RunOnce(0);
  }
  EXPECT_EQ(service_.bodies.size(), 1u);
  EXPECT_LE(budget_.used(), 300'000u);
  EXPECT_GT(budget_.used(), 0u);
}

TEST_F(HttpExchangesTest, ThePeersEndIsNoticedWhileAnAnswerIsDue) {
  for (const std::string& more : {std::string(), Post("/2", "two") + Post("/3", "three")}) {
    service_.answers = false;
    UniqueFd peer = ConnectRaw();
    Turn(peer.get(), Post("/1", "one") + more);
    const ExchangeId id = service_.last;
    EXPECT_NE(exchanges_.Find(id), nullptr);
    peer.reset();
    for (int i = 0; i < 5; ++i) loop_->RunOnce(0);
    EXPECT_EQ(exchanges_.Find(id), nullptr);
    EXPECT_EQ(service_.gone.back(), id);
    EXPECT_EQ(server_->connection_count(), 0u);
    EXPECT_EQ(budget_.used(), 0u);
  }
}

TEST_F(HttpExchangesTest, RefusesABodyAboveTheLimitAndTakesTheNextRequest) {
  const UniqueFd peer = ConnectRaw();
  Turn(peer.get(), Post("/a", std::string(kMaxBody, 'm')));
  EXPECT_THAT(Received(), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(service_.charged, ElementsAre(::testing::Ge(kMaxBody - 16 * 1024)));
  Turn(peer.get(), Post("/a", std::string(kMaxBody + 1, 'm')));
  EXPECT_THAT(Received(), StartsWith("HTTP/1.1 413"));
  // Where the length is not told, once there is more.
  std::string chunked = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
  for (int i = 0; i < 11; ++i) chunked += "2710\r\n" + std::string(10'000, 'c') + "\r\n";
  Turn(peer.get(), chunked + "0\r\n\r\n" + Post("/b", "fine"));
  EXPECT_THAT(Received(), StartsWith("HTTP/1.1 413"));
  Turn(peer.get(), "");
  EXPECT_EQ(service_.bodies.back(), "fine");
  EXPECT_EQ(counters_.Total("net.refused", "body_too_large"), 2u);
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(HttpExchangesTest, RefusesABodyForWhichItsUserHasNoRoom) {
  ASSERT_TRUE(budget_.Charge(::geteuid(), 3 * 1024 * 1024 - 40'000));
  const UniqueFd peer = ConnectRaw();
  Turn(peer.get(), Post("/a", std::string(kMaxBody, 'm')));
  EXPECT_THAT(Received(), StartsWith("HTTP/1.1 503"));
  EXPECT_EQ(counters_.Total("net.refused", "memory"), 1u);
  budget_.Release(::geteuid(), 3 * 1024 * 1024 - 40'000);
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(HttpExchangesTest, GrpcOverHttp1IsNobodysCall) {
  MakeServer({});
  const UniqueFd peer = ConnectRaw();
  Turn(peer.get(), Post("/t.T/Echo", "", "content-type: application/grpc\r\n"));
  EXPECT_THAT(Received(), StartsWith("HTTP/1.1 426 Upgrade Required\r\n"));
}

TEST_F(HttpExchangesTest, NoBodyAnswersHead) {
  const UniqueFd peer = ConnectRaw();
  Turn(peer.get(), "HEAD /refused HTTP/1.1\r\nhost: x\r\n\r\n");
  EXPECT_EQ(Received(), "HTTP/1.1 404 Not Found\r\nx: y\r\ncontent-length: 0\r\n\r\n");
}

TEST_F(HttpExchangesTest, AHeadHasFiveSecondsAndABodyHasToGetOn) {
  const UniqueFd silent = ConnectRaw();
  Turn(silent.get(), "POST / HTTP/1.1\r\nho");
  clock_.now += 5 * kSecond;
  Turn(silent.get(), "");
  EXPECT_EQ(closed_, "closed");
  EXPECT_EQ(counters_.Total("net.closed", "first_request_timeout"), 1u);

  closed_.clear();
  const UniqueFd slow = ConnectRaw();
  Turn(slow.get(), "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\n");
  for (int i = 0; i < 3; ++i) {
    Turn(slow.get(), std::string(1024, 's'));
    clock_.now += 10 * kSecond;
    Turn(slow.get(), "");
    EXPECT_EQ(closed_, "");
  }
  Turn(slow.get(), "s");
  clock_.now += 10 * kSecond;
  Turn(slow.get(), "");
  EXPECT_EQ(closed_, "closed");
  EXPECT_THAT(Received(), StartsWith("HTTP/1.1 408"));
  EXPECT_EQ(counters_.Total("net.closed", "slow_request"), 1u);
}

TEST_F(HttpExchangesTest, WaitingForAnAnswerIsNotSlow) {
  service_.answers = false;
  const UniqueFd peer = ConnectRaw();
  const std::string wire = Post("/1", "one");
  Turn(peer.get(), wire.substr(0, 40));
  Turn(peer.get(), wire.substr(40));
  clock_.now += 100 * kSecond;
  Turn(peer.get(), "");
  ASSERT_NE(exchanges_.Find(service_.last), nullptr);
  exchanges_.Find(service_.last)->Respond({});
  Turn(peer.get(), "");
  EXPECT_THAT(Received(), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpExchangesTest, DrainLetsTheRequestUnderWayEnd) {
  service_.answers = false;
  const UniqueFd peer = ConnectRaw();
  Turn(peer.get(), Post("/1", "one"));
  bool drained = false;
  server_->Drain([&] { drained = true; });
  Turn(peer.get(), "");
  EXPECT_FALSE(drained);
  exchanges_.Find(service_.last)->Respond({.body = "1"});
  Turn(peer.get(), "");
  EXPECT_THAT(Received(), HasSubstr("connection: close"));
  EXPECT_EQ(closed_, "closed");
  EXPECT_TRUE(drained);
}

}  // namespace
}  // namespace sluice::net
