#include "agent/sinks/otlp/net/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/writer.h"

namespace sluice::otlp {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using Kind = Answer::Kind;

std::string Encoded(const std::function<void(StringWireWriter&)>& write) {
  std::string bytes;
  StringWireWriter writer{StringSink(&bytes)};
  write(writer);
  return bytes;
}

std::string RetryInfo(uint64_t seconds, uint64_t nanos) {
  const std::string duration = Encoded([&](StringWireWriter& writer) {
    writer.Varint(1, seconds);
    writer.Varint(2, nanos);
  });
  return Encoded([&](StringWireWriter& writer) { writer.Bytes(1, duration); });
}

std::string StatusWithRetryInfo(std::string_view message, uint64_t seconds, uint64_t nanos) {
  const std::string any = Encoded([&](StringWireWriter& writer) {
    writer.Bytes(1, "type.googleapis.com/google.rpc.RetryInfo");
    writer.Bytes(2, RetryInfo(seconds, nanos));
  });
  return Encoded([&](StringWireWriter& writer) {
    writer.Varint(1, 8);
    writer.Bytes(2, message);
    writer.Bytes(3, any);
  });
}

GrpcOutcome Grpc(int status, std::string message = "why") {
  GrpcOutcome outcome;
  outcome.status = status;
  outcome.message = std::move(message);
  return outcome;
}

HttpOutcome Http(int status, std::string content_type = "text/plain", std::string body = "why") {
  HttpOutcome outcome;
  outcome.status = status;
  outcome.content_type = std::move(content_type);
  outcome.body = std::move(body);
  return outcome;
}

TEST(SortGrpc, FollowsTheTable) {
  const std::map<int, Kind> kinds = {
      {1, Kind::kWait},   {2, Kind::kSplit}, {3, Kind::kSplit}, {4, Kind::kWait},
      {5, Kind::kSplit},  {6, Kind::kSplit}, {7, Kind::kWait},  {8, Kind::kSplit},
      {9, Kind::kSplit},  {10, Kind::kWait}, {11, Kind::kWait}, {12, Kind::kUnsupported},
      {13, Kind::kSplit}, {14, Kind::kWait}, {15, Kind::kWait}, {16, Kind::kWait},
      {17, Kind::kSplit}, {-1, Kind::kSplit}};
  for (const auto& [status, kind] : kinds) {
    const Answer answer = SortGrpc(Grpc(status));
    EXPECT_EQ(answer.kind, kind) << status;
    EXPECT_THAT(answer.message, HasSubstr(": why")) << status;
  }
}

TEST(SortGrpc, TakesAnEmptyPartialSuccessForFullSuccess) {
  GrpcOutcome outcome = Grpc(0, "");
  for (const std::string& response : {std::string(), std::string("\x0a\x00", 2)}) {
    outcome.response = response;
    const Answer answer = SortGrpc(outcome);
    EXPECT_EQ(answer.kind, Kind::kDone);
    EXPECT_EQ(answer.rejected, 0u);
    EXPECT_EQ(answer.message, "");
  }
}

TEST(SortGrpc, CountsWhatThePeerRejected) {
  GrpcOutcome outcome = Grpc(0, "");
  const std::string partial = Encoded([](StringWireWriter& writer) {
    writer.Varint(1, 3);
    writer.Bytes(2, "too old\n");
  });
  outcome.response = Encoded([&](StringWireWriter& writer) { writer.Bytes(1, partial); });
  const Answer answer = SortGrpc(outcome);
  EXPECT_EQ(answer.kind, Kind::kDone);
  EXPECT_EQ(answer.rejected, 3u);
  EXPECT_EQ(answer.message, "too old");
}

TEST(SortGrpc, TakesNoNegativeCount) {
  GrpcOutcome outcome = Grpc(0, "");
  const std::string partial =
      Encoded([](StringWireWriter& writer) { writer.Varint(1, static_cast<uint64_t>(-1)); });
  outcome.response = Encoded([&](StringWireWriter& writer) { writer.Bytes(1, partial); });
  EXPECT_EQ(SortGrpc(outcome).rejected, 0u);
}

TEST(SortGrpc, WaitsForAnExhaustedPeerThatSaysWhen) {
  GrpcOutcome outcome = Grpc(8);
  outcome.details = absl::Base64Escape(StatusWithRetryInfo("why", 2, 500'000'000));
  Answer answer = SortGrpc(outcome);
  EXPECT_EQ(answer.kind, Kind::kWait);
  EXPECT_EQ(answer.delay, milliseconds(2500));

  // gRPC libraries leave out base64's padding.
  while (outcome.details.back() == '=') outcome.details.pop_back();
  EXPECT_EQ(SortGrpc(outcome).delay, milliseconds(2500));

  outcome.details.clear();
  outcome.retry_info = absl::Base64Escape(RetryInfo(3, 0));
  EXPECT_EQ(SortGrpc(outcome).delay, milliseconds(3000));

  outcome.retry_info.clear();
  outcome.pushback_ms = "70";
  answer = SortGrpc(outcome);
  EXPECT_EQ(answer.kind, Kind::kWait);
  EXPECT_EQ(answer.delay, milliseconds(70));
}

TEST(SortGrpc, BoundsTheDelay) {
  GrpcOutcome outcome = Grpc(14);
  outcome.details = absl::Base64Escape(StatusWithRetryInfo("", uint64_t{1} << 62, 0));
  EXPECT_EQ(SortGrpc(outcome).delay, kLongestDelay);
  outcome.details = absl::Base64Escape(StatusWithRetryInfo("", static_cast<uint64_t>(-5), 0));
  EXPECT_EQ(SortGrpc(outcome).delay, milliseconds(0));
  outcome.details.clear();
  outcome.pushback_ms = "9000000000000";
  EXPECT_EQ(SortGrpc(outcome).delay, kLongestDelay);
  outcome.pushback_ms = "-1";
  EXPECT_EQ(SortGrpc(outcome).delay, std::nullopt);
}

TEST(SortGrpc, LearnsTheLimit) {
  const Answer learned =
      SortGrpc(Grpc(8, "grpc: received message larger than max (5000000 vs. 4194304)"));
  EXPECT_EQ(learned.kind, Kind::kSplit);
  EXPECT_EQ(learned.max_request_bytes, 4194304u);
  EXPECT_FALSE(learned.may_be_load);

  for (const char* const text :
       {"larger than max (5 vs. )", "larger than max (5 vs. 0)", "busy", "larger than max (",
        "larger than max (5 vs. 99999999999999999999)"}) {
    const Answer answer = SortGrpc(Grpc(8, text));
    EXPECT_EQ(answer.kind, Kind::kSplit) << text;
    EXPECT_EQ(answer.max_request_bytes, std::nullopt) << text;
    EXPECT_TRUE(answer.may_be_load) << text;
  }
}

TEST(SortGrpc, WaitsLongAfterRefusedCredentials) {
  EXPECT_EQ(SortGrpc(Grpc(16)).delay, kAuthDelay);
  EXPECT_TRUE(SortGrpc(Grpc(16)).is_auth_refusal);
  EXPECT_FALSE(SortGrpc(Grpc(14)).is_auth_refusal);
  GrpcOutcome outcome = Grpc(7);
  outcome.pushback_ms = "90000";
  EXPECT_EQ(SortGrpc(outcome).delay, milliseconds(90'000));
}

TEST(SortHttp, FollowsTheTable) {
  const std::map<int, Kind> kinds = {
      {200, Kind::kDone},        {202, Kind::kDone},        {204, Kind::kDone},
      {301, Kind::kWait},        {307, Kind::kWait},        {400, Kind::kSplit},
      {401, Kind::kWait},        {403, Kind::kWait},        {404, Kind::kUnsupported},
      {405, Kind::kUnsupported}, {407, Kind::kWait},        {408, Kind::kWait},
      {413, Kind::kSplit},       {415, Kind::kUnsupported}, {422, Kind::kSplit},
      {425, Kind::kWait},        {429, Kind::kWait},        {500, Kind::kSplit},
      {501, Kind::kUnsupported}, {502, Kind::kWait},        {503, Kind::kWait},
      {504, Kind::kWait},        {530, Kind::kWait}};
  for (const auto& [status, kind] : kinds) {
    const Answer answer = SortHttp(Http(status));
    EXPECT_EQ(answer.kind, kind) << status;
    EXPECT_EQ(answer.message.empty(), kind == Kind::kDone) << status;
  }
}

TEST(SortHttp, ReadsErrorsInBothEncodings) {
  EXPECT_EQ(
      SortHttp(Http(400, "application/json; charset=utf-8", R"({"code":3,"message":"no id"})"))
          .message,
      "HTTP 400: no id");
  const Answer answer =
      SortHttp(Http(503, "application/x-protobuf", StatusWithRetryInfo("full", 4, 0)));
  EXPECT_EQ(answer.message, "HTTP 503: full");
  EXPECT_EQ(answer.delay, milliseconds(4000));
}

TEST(SortHttp, CountsWhatThePeerRejected) {
  for (const char* const count : {"\"7\"", "7"}) {
    const Answer answer = SortHttp(Http(200, "application/json",
                                        absl::StrCat(R"({"partialSuccess":{"rejectedSpans":)",
                                                     count, R"(,"errorMessage":"old"}})")));
    EXPECT_EQ(answer.rejected, 7u);
    EXPECT_EQ(answer.message, "old");
  }
  for (const char* const body : {"", "{}", R"({"partialSuccess":{}})", R"({"partialSuccess":3})",
                                 "[[", "null", R"({"partialSuccess":{"rejectedSpans":"-3"}})",
                                 R"({"partialSuccess":{"rejectedSpans":{}}})"}) {
    const Answer answer = SortHttp(Http(200, "application/json", body));
    EXPECT_EQ(answer.kind, Kind::kDone) << body;
    EXPECT_EQ(answer.rejected, 0u) << body;
  }
}

TEST(SortHttp, TellsTheClassicMistakes) {
  EXPECT_THAT(SortHttp(Http(404)).message, HasSubstr("/v1/traces"));
  EXPECT_THAT(SortHttp(Http(415)).message, HasSubstr("protocol"));
  const Answer plain = SortHttp(Http(400, "", "Client sent an HTTP request to an HTTPS server.\n"));
  EXPECT_EQ(plain.kind, Kind::kWait);
  EXPECT_THAT(plain.message, HasSubstr("use https://"));
  HttpOutcome moved = Http(301, "text/html", "");
  moved.location = "https://elsewhere/";
  EXPECT_EQ(SortHttp(moved).message, "HTTP 301, not followed: https://elsewhere/");
}

TEST(SortHttp, TakesTheDelayThatIsAskedFor) {
  HttpOutcome outcome = Http(429);
  outcome.retry_after = std::chrono::seconds(7);
  EXPECT_EQ(SortHttp(outcome).delay, milliseconds(7000));
  outcome.retry_after = std::chrono::hours(100);
  EXPECT_EQ(SortHttp(outcome).delay, kLongestDelay);
  EXPECT_EQ(SortHttp(Http(401)).delay, kAuthDelay);
  EXPECT_TRUE(SortHttp(Http(403)).is_auth_refusal);
  EXPECT_FALSE(SortHttp(Http(503)).is_auth_refusal);
}

TEST(PeerText, IsOneBoundedPrintableLine) {
  EXPECT_EQ(PeerText(" a\r\nb\x1b[2J \n"), "a\\r\\nb\\u{1b}[2J");
  EXPECT_LE(PeerText(std::string(5000, '\x01')).size(), 512u);
}

}  // namespace
}  // namespace sluice::otlp
