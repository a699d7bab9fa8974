#include "agent/ingest/otlp/http_answer.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sluice/otlp/v1/collector.pb.h"
#include "sluice/otlp/v1/rpc_status.pb.h"

namespace sluice::ingest::otlp {
namespace {

namespace v1 = sluice::otlp::v1;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::Pair;

TEST(HttpAnswerTest, KnowsContentTypes) {
  EXPECT_EQ(EncodingOf("application/x-protobuf"), Encoding::kProtobuf);
  EXPECT_EQ(EncodingOf("application/protobuf"), Encoding::kProtobuf);
  EXPECT_EQ(EncodingOf("Application/JSON"), Encoding::kJson);
  EXPECT_EQ(EncodingOf("application/json ; charset=utf-8"), Encoding::kJson);
  for (const char* other : {"", "text/plain", "application/jsonl", "application/grpc"}) {
    EXPECT_EQ(EncodingOf(other), std::nullopt) << other;
  }
}

TEST(HttpAnswerTest, SaysNothingWhereAllWasTaken) {
  const net::HttpResponse protobuf = AnswerOf(Signal::kTraces, Encoding::kProtobuf, {});
  EXPECT_EQ(protobuf.status, "200");
  EXPECT_THAT(protobuf.fields, ElementsAre(Pair("content-type", "application/x-protobuf")));
  EXPECT_EQ(protobuf.body, "");
  const net::HttpResponse json = AnswerOf(Signal::kTraces, Encoding::kJson, {});
  EXPECT_THAT(json.fields, ElementsAre(Pair("content-type", "application/json")));
  EXPECT_EQ(json.body, "{}");
}

TEST(HttpAnswerTest, TellsOfItemsThatWereNotTaken) {
  const Reply reply{.rejected = 3, .message = "no ids"};
  v1::ExportLogsServiceResponse response;
  ASSERT_TRUE(response.ParseFromString(AnswerOf(Signal::kLogs, Encoding::kProtobuf, reply).body));
  EXPECT_EQ(response.partial_success().rejected_log_records(), 3);
  EXPECT_EQ(response.partial_success().error_message(), "no ids");
  EXPECT_EQ(AnswerOf(Signal::kTraces, Encoding::kJson, reply).body,
            R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"no ids"}})");
  EXPECT_EQ(AnswerOf(Signal::kLogs, Encoding::kJson, reply).body,
            R"({"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"no ids"}})");
  EXPECT_EQ(AnswerOf(Signal::kMetrics, Encoding::kJson, reply).body,
            R"({"partialSuccess":{"rejectedDataPoints":"3","errorMessage":"no ids"}})");
}

TEST(HttpAnswerTest, SpellsEachKindOfRefusal) {
  const auto answer = [](Reply::Kind kind, Encoding encoding, milliseconds delay = {}) {
    return AnswerOf(Signal::kTraces, encoding,
                    {.kind = kind, .message = "why", .retry_delay = delay});
  };
  const net::HttpResponse invalid = answer(Reply::Kind::kInvalid, Encoding::kProtobuf);
  EXPECT_EQ(invalid.status, "400");
  v1::RpcStatus status;
  ASSERT_TRUE(status.ParseFromString(invalid.body));
  EXPECT_EQ(status.code(), 3);
  EXPECT_EQ(status.message(), "why");
  const net::HttpResponse large = answer(Reply::Kind::kTooLarge, Encoding::kJson);
  EXPECT_EQ(large.status, "413");
  EXPECT_EQ(large.body, R"({"code":8,"message":"why"})");
  EXPECT_THAT(large.fields, ElementsAre(Pair("content-type", "application/json")));
  for (const auto& [delay, seconds] : {std::pair(50, "1"), {1000, "1"}, {1001, "2"}}) {
    const net::HttpResponse busy = answer(Reply::Kind::kBusy, Encoding::kJson, milliseconds(delay));
    EXPECT_EQ(busy.status, "503");
    EXPECT_EQ(busy.body, R"({"code":14,"message":"why"})");
    EXPECT_THAT(busy.fields, ElementsAre(Pair("content-type", "application/json"),
                                         Pair("retry-after", seconds)));
  }
}

TEST(HttpAnswerTest, SpeaksPlainlyWhereTheEncodingIsNotKnown) {
  const net::HttpResponse answer =
      ErrorAnswer("404", std::nullopt, absl::NotFoundError("not here"));
  EXPECT_THAT(answer.fields, ElementsAre(Pair("content-type", "text/plain")));
  EXPECT_EQ(answer.body, "not here\n");
}

}  // namespace
}  // namespace sluice::ingest::otlp
