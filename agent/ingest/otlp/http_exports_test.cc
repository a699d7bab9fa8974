// OTLP/HTTP before a receiver that does what the test says.
#include "agent/ingest/otlp/http_exports.h"

#include <sys/socket.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/ingest/otlp/json_reader.h"
#include "sluice/otlp/v1/collector.pb.h"
#include "sluice/otlp/v1/rpc_status.pb.h"
#include "tests/support/net/grpc_server_fixture.h"
#include "tests/support/otlp/fake_receiver.h"

namespace sluice::ingest::otlp {
namespace {

namespace v1 = sluice::otlp::v1;
using net::kSecond;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class HttpExportsTest : public net::GrpcServerTest {
 protected:
  HttpExportsTest() {
    server_->http().AddCalls(&exports_.calls());
    v1::ExportTraceServiceRequest request;
    request.add_resource_spans()->set_schema_url("s");
    encoded_ = request.SerializeAsString();
  }
  ~HttpExportsTest() override { server_.reset(); }

  static std::string Post(const std::string& path, const std::string& type, const std::string& body,
                          const std::string& fields = "") {
    return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + type + "\r\n" +
           fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  // One request on a connection of its own; what came back.
  std::string Ask(std::string_view wire, const std::function<void()>& meanwhile = {}) {
    const UniqueFd peer = ConnectRaw();
    std::string received;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!IsWhole(received) && std::chrono::steady_clock::now() < deadline) {
      if (!wire.empty()) {
        const ssize_t sent =
            ::send(peer.get(), wire.data(), wire.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) wire.remove_prefix(static_cast<size_t>(sent));
      }
      loop_->RunOnce(1);
      if (meanwhile) meanwhile();
      char buffer[4096];
      const ssize_t size = ::recv(peer.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
      if (size == 0) break;
      if (size > 0) received.append(buffer, static_cast<size_t>(size));
    }
    return received;
  }
  static bool IsWhole(const std::string& answer) {
    const size_t head = answer.find("\r\n\r\n");
    const size_t length = answer.find("content-length: ");
    return head != answer.npos && length < head &&
           answer.size() == head + 4 + std::stoul(answer.substr(length + 16));
  }
  static std::string BodyOf(const std::string& answer) {
    return answer.substr(answer.find("\r\n\r\n") + 4);
  }
  static std::string ProtobufMessage(const std::string& answer) {
    v1::RpcStatus status;
    EXPECT_TRUE(status.ParseFromString(BodyOf(answer)));
    return status.message();
  }

  const std::string json_ = R"({"resourceSpans":[{"schemaUrl":"s"}]})";
  std::string encoded_;
  FakeReceiver receiver_;
  BodyConverter converter_{loop_.get(), &budget_};
  HttpExports exports_{{.budget = &budget_,
                        .counters = &counters_,
                        .receiver = &receiver_,
                        .converter = &converter_}};
};

TEST_F(HttpExportsTest, TakesProtobufAndJsonPlainAndCompressed) {
  for (const bool is_json : {false, true}) {
    const std::string type = is_json ? "application/json" : "application/x-protobuf";
    const std::string& body = is_json ? json_ : encoded_;
    for (const auto& [fields, sent] : {std::pair(std::string(), body),
                                       {"Content-Encoding: gzip\r\n", Compress(body, true)},
                                       {"Content-Encoding: deflate\r\n", Compress(body, false)}}) {
      const std::string answer = Ask(Post("/v1/traces", type, sent, fields));
      EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                                HasSubstr("content-type: " + type + "\r\n")));
      EXPECT_EQ(BodyOf(answer), is_json ? "{}" : "");
      EXPECT_EQ(receiver_.requests.back().encoded, encoded_);
      EXPECT_EQ(receiver_.requests.back().signal, Signal::kTraces);
    }
  }
  EXPECT_EQ(receiver_.requests.size(), 6u);
  EXPECT_EQ(receiver_.uid, ::geteuid());
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(HttpExportsTest, TellsSignalsByThePath) {
  Ask(Post("/v1/logs", "application/json", R"({"resourceLogs":[{"schemaUrl":"s"}]})"));
  Ask(Post("/v1/metrics", "application/json", R"({"resourceMetrics":[{"schemaUrl":"s"}]})"));
  ASSERT_EQ(receiver_.requests.size(), 2u);
  EXPECT_EQ(receiver_.requests[0].signal, Signal::kLogs);
  EXPECT_EQ(receiver_.requests[1].signal, Signal::kMetrics);
  EXPECT_EQ(receiver_.requests[1].encoded, encoded_);
}

TEST_F(HttpExportsTest, ServesHttp2TheSame) {
  const auto client = Connect();
  const int32_t id = client->Open("/v1/traces", {{"content-type", "application/json"}});
  client->SendBytes(id, json_);
  client->HalfClose(id);
  const int32_t wrong = client->Open("/v1/trace", {{"content-type", "application/json"}});
  ASSERT_TRUE(UntilEnded(client.get(), id));
  ASSERT_TRUE(UntilEnded(client.get(), wrong));
  EXPECT_EQ(client->call(id).fields.at(":status"), "200");
  EXPECT_EQ(client->call(id).fields.at("content-type"), "application/json");
  EXPECT_EQ(client->call(id).body, "{}");
  EXPECT_EQ(client->call(wrong).fields.at(":status"), "404");
  EXPECT_EQ(receiver_.requests.back().encoded, encoded_);
}

TEST_F(HttpExportsTest, TakesChunksAsJavaScriptSendsThem) {
  const std::string answer =
      Ask("POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
          "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n25\r\n" +
          json_ + "\r\n0\r\n\r\n");
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("connection: close\r\n")));
  EXPECT_EQ(receiver_.requests.back().encoded, encoded_);
}

TEST_F(HttpExportsTest, IgnoresAnOfferToUpgrade) {
  const std::string answer = Ask(
      Post("/v1/traces", "application/x-protobuf", encoded_,
           "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, ::testing::Not(HasSubstr("connection: close")));
}

TEST_F(HttpExportsTest, AnswersLaterAsTheReceiverSays) {
  receiver_.answers = false;
  const std::string answer = Ask(Post("/v1/traces", "application/json", json_), [this] {
    if (receiver_.waiting.empty()) return;
    const auto done = std::move(receiver_.waiting.begin()->second);
    receiver_.waiting.clear();
    done({.kind = Reply::Kind::kBusy,
          .message = "the journal is full",
          .retry_delay = std::chrono::milliseconds(1500)});
  });
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("retry-after: 2\r\n")));
  EXPECT_EQ(BodyOf(answer), R"({"code":14,"message":"the journal is full"})");
}

TEST_F(HttpExportsTest, AbandonsWhatNobodyWaitsForAnyMore) {
  receiver_.answers = false;
  UniqueFd peer = ConnectRaw();
  const std::string wire = Post("/v1/traces", "application/x-protobuf", encoded_);
  ASSERT_EQ(::send(peer.get(), wire.data(), wire.size(), 0), static_cast<ssize_t>(wire.size()));
  for (int i = 0; i < 5; ++i) loop_->RunOnce(0);
  EXPECT_EQ(receiver_.waiting.size(), 1u);
  peer.reset();
  for (int i = 0; i < 5; ++i) loop_->RunOnce(0);
  EXPECT_THAT(receiver_.abandoned, ElementsAre(receiver_.last));
}

TEST_F(HttpExportsTest, AConversionIsCancelledWithItsConnection) {
  UniqueFd peer = ConnectRaw();
  const std::string wire = Post("/v1/traces", "application/json", json_);
  ASSERT_EQ(::send(peer.get(), wire.data(), wire.size(), 0), static_cast<ssize_t>(wire.size()));
  loop_->RunOnce(0);
  peer.reset();
  for (int i = 0; i < 20; ++i) loop_->RunOnce(1);
  EXPECT_EQ(server_->connection_count(), 0u);
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(HttpExportsTest, SaysWhatIsWrongWithARequest) {
  const auto words = [this](const std::string& path) {
    return BodyOf(Ask(Post(path, "text/plain", "")));
  };
  EXPECT_THAT(words("/v1/v1/traces"), HasSubstr("POST to /v1/traces"));
  EXPECT_THAT(words("/logs/"), HasSubstr("POST to /v1/logs"));
  EXPECT_THAT(words("/"), HasSubstr("/v1/traces, /v1/logs and /v1/metrics"));
  const std::string wrong = Ask(Post("/v1/v1/traces", "application/x-protobuf", encoded_));
  EXPECT_THAT(wrong, StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(ProtobufMessage(wrong), HasSubstr("POST to /v1/traces"));

  EXPECT_THAT(Ask("GET /v1/traces HTTP/1.1\r\nHost: x\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 405"), HasSubstr("allow: POST\r\n")));
  EXPECT_THAT(Ask(Post("/v1/traces", "text/plain", "x")),
              AllOf(StartsWith("HTTP/1.1 415"), HasSubstr("application/x-protobuf")));
  EXPECT_THAT(Ask(Post("/v1/traces", "application/json", "x", "Content-Encoding: br\r\n")),
              AllOf(StartsWith("HTTP/1.1 415"), HasSubstr("accept-encoding: gzip, deflate")));
  const std::string grpc = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
  EXPECT_THAT(Ask(Post(grpc, "application/grpc", "")),
              AllOf(StartsWith("HTTP/1.1 426"), HasSubstr("gRPC needs HTTP/2")));
  EXPECT_THAT(Ask(Post(grpc, "application/x-protobuf", "")), StartsWith("HTTP/1.1 426"));
  EXPECT_THAT(Ask(Post("/v1/traces", "application/grpc+proto", "")), StartsWith("HTTP/1.1 426"));
  EXPECT_EQ(receiver_.requests.size(), 0u);
  EXPECT_EQ(counters_.Total("net.refused", "unknown_path"), 4u);
  EXPECT_EQ(counters_.Total("net.refused", "grpc_over_http1"), 3u);
  EXPECT_EQ(counters_.Total("net.refused", "method"), 1u);
  EXPECT_EQ(counters_.Total("net.refused", "content_type"), 1u);
  EXPECT_EQ(counters_.Total("net.refused", "content_encoding"), 1u);
}

TEST_F(HttpExportsTest, SaysWhatIsWrongWithABody) {
  const std::string json = Ask(Post("/v1/traces", "application/json", R"({"resourceSpans": 5})"));
  EXPECT_THAT(json, StartsWith("HTTP/1.1 400"));
  EXPECT_EQ(BodyOf(json), R"({"code":3,"message":"resourceSpans: not an array"})");
  const std::string gzip =
      Ask(Post("/v1/traces", "application/x-protobuf", "not gzip", "Content-Encoding: gzip\r\n"));
  EXPECT_THAT(gzip, StartsWith("HTTP/1.1 400"));
  EXPECT_EQ(ProtobufMessage(gzip), "the body is not valid gzip");
  EXPECT_EQ(counters_.Total("net.refused", "invalid_body"), 2u);
}

TEST_F(HttpExportsTest, RefusesWhatIsTooLarge) {
  const auto told = [this](const std::string& type, size_t size) {
    return Ask("POST /v1/traces HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: " +
               type + "\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
  };
  EXPECT_THAT(told("application/x-protobuf", Receiver::kMaxRequestBytes + 1),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(told("application/json", kMaxJsonBytes + 1), StartsWith("HTTP/1.1 413"));
  const std::string bomb = Compress(std::string(Receiver::kMaxRequestBytes + 1, '\0'), true);
  const std::string answer =
      Ask(Post("/v1/traces", "application/x-protobuf", bomb, "Content-Encoding: gzip\r\n"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413"));
}

}  // namespace
}  // namespace sluice::ingest::otlp
