#include "agent/ingest/otlp/json_reader.h"

#include <initializer_list>
#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "proto/otlp/json_writer.h"
#include "sluice/otlp/v1/collector.pb.h"

namespace sluice::ingest::otlp {
namespace {

namespace v1 = sluice::otlp::v1;
using sluice::otlp::kLogsRequest;
using sluice::otlp::kMetricsRequest;
using sluice::otlp::kTraceRequest;
using sluice::otlp::Message;
using ::testing::HasSubstr;

const Message& Within(const Message& message, std::initializer_list<std::string_view> path) {
  const Message* at = &message;
  for (const std::string_view name : path) at = at->Find(name)->message;
  return *at;
}
const Message& Span() { return Within(kTraceRequest, {"resourceSpans", "scopeSpans", "spans"}); }
const Message& AnyValue() {
  return Within(kLogsRequest, {"resourceLogs", "scopeLogs", "logRecords", "body"});
}

// What the JSON says, as protobuf's text; empty and a failure: it is refused.
template <typename Proto>
std::string Read(const Message& message, const std::string& json) {
  const absl::StatusOr<std::string> encoded = JsonToWire(message, json);
  EXPECT_TRUE(encoded.ok()) << encoded.status() << " " << json;
  Proto proto;
  if (!encoded.ok() || !proto.ParseFromString(*encoded)) return "";
  return proto.ShortDebugString();
}
std::string ReadSpan(const std::string& json) { return Read<v1::Span>(Span(), json); }
std::string ReadValue(const std::string& json) { return Read<v1::AnyValue>(AnyValue(), json); }

std::string Error(const Message& message, const std::string& json) {
  const absl::Status status = JsonToWire(message, json).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
  return std::string(status.message());
}
std::string SpanError(const std::string& json) { return Error(Span(), json); }

TEST(JsonReaderTest, ReadsWhatTheSpecificationShows) {
  EXPECT_EQ(
      Read<v1::ExportTraceServiceRequest>(kTraceRequest, R"({"resourceSpans": [{
      "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]},
      "scopeSpans": [{
        "scope": {"name": "my.library", "version": "1.0.0"},
        "spans": [{
          "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174",
          "parentSpanId": "", "name": "I'm a server span", "kind": 2,
          "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": 1544712661000000000,
          "attributes": [{"key": "n", "value": {"intValue": "-3"}}],
          "status": {}
        }]}]}]})"),
      "resource_spans { resource { attributes { key: \"service.name\" value { string_value: "
      "\"my.service\" } } } scope_spans { scope { name: \"my.library\" version: \"1.0.0\" } "
      "spans { trace_id: \"[\\216\\377\\367\\230\\003\\201\\003\\322i\\2663\\201?\\306\\014\""
      " span_id: \"\\356\\341\\233~\\303\\301\\261t\" name: \"I\\'m a server span\" kind: "
      "SPAN_KIND_SERVER start_time_unix_nano: 1544712660000000000 end_time_unix_nano: "
      "1544712661000000000 attributes { key: \"n\" value { int_value: -3 } } status { } } } }");
}

// What our own writer says of a message reads as that message, byte for byte.
TEST(JsonReaderTest, ReadsBackWhatIsWritten) {
  const auto check = [](const Message& message, const google::protobuf::Message& proto,
                        const char* text) {
    std::unique_ptr<google::protobuf::Message> one(proto.New());
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, one.get())) << text;
    const std::string encoded = one->SerializeAsString();
    std::string json;
    sluice::otlp::AppendJson(message, encoded, &json);
    const absl::StatusOr<std::string> read = JsonToWire(message, json);
    ASSERT_TRUE(read.ok()) << read.status() << json;
    EXPECT_EQ(*read, encoded) << json;
  };
  check(kLogsRequest, v1::ExportLogsServiceRequest(), R"(
    resource_logs { resource { entity_refs { type: "host" id_keys: "a" id_keys: "b" } }
      scope_logs { schema_url: "s" log_records {
        time_unix_nano: 18446744073709551615 severity_number: SEVERITY_NUMBER_WARN
        severity_text: "W\xc3\xa4rn\x00\"\\" flags: 4294967295 event_name: "e"
        body { kvlist_value { values { key: "l" value { array_value {
          values { bool_value: true } values { int_value: -9223372036854775808 }
          values { double_value: -0.1 } values { double_value: inf } values { }
          values { bytes_value: "\x00\xff\xfe" } values { string_value: "" } } } } } } } } })");
}

// Metrics have no classes of ours, so from JSON and back.
TEST(JsonReaderTest, ReadsMetricsWhole) {
  const std::string json =
      R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[)"
      R"({"name":"h","histogram":{"dataPoints":[{"count":"3","sum":1e+300,)"
      R"("bucketCounts":["1","2"],"explicitBounds":[0.5],"exemplars":[{"spanId":"0102030405060708",)"
      R"("asInt":"-7"}],"min":-1}],"aggregationTemporality":1}},)"
      R"({"name":"e","exponentialHistogram":{"dataPoints":[{"scale":-3,"zeroCount":"1",)"
      R"("positive":{"offset":-2147483648,"bucketCounts":["0","18446744073709551615"]}}]}},)"
      R"({"name":"s","sum":{"dataPoints":[{"asDouble":1.5,"flags":1}],"isMonotonic":true}}]}]}]})";
  const absl::StatusOr<std::string> encoded = JsonToWire(kMetricsRequest, json);
  ASSERT_TRUE(encoded.ok()) << encoded.status();
  std::string written;
  sluice::otlp::AppendJson(kMetricsRequest, *encoded, &written);
  EXPECT_EQ(written, json);
}

TEST(JsonReaderTest, TakesNumbersInEachOfTheirForms) {
  EXPECT_EQ(ReadValue(R"({"intValue": 5})"), "int_value: 5");
  EXPECT_EQ(ReadValue(R"({"intValue": "5"})"), "int_value: 5");
  EXPECT_EQ(ReadValue(R"({"intValue": 5.0})"), "int_value: 5");
  EXPECT_EQ(ReadValue(R"({"intValue": "-9223372036854775808"})"),
            "int_value: -9223372036854775808");
  EXPECT_EQ(ReadValue(R"({"doubleValue": 5})"), "double_value: 5");
  EXPECT_EQ(ReadValue(R"({"doubleValue": "2.5"})"), "double_value: 2.5");
  EXPECT_EQ(ReadValue(R"({"doubleValue": "NaN"})"), "double_value: nan");
  EXPECT_EQ(ReadSpan(R"({"kind": "SPAN_KIND_CLIENT"})"), "kind: SPAN_KIND_CLIENT");
  EXPECT_EQ(ReadSpan(R"({"kind": "3", "flags": 257})"), "kind: SPAN_KIND_CLIENT flags: 257");
}

TEST(JsonReaderTest, PassesOverWhatIsNullOrUnknown) {
  EXPECT_EQ(ReadSpan(R"({"name": null, "trace_id": 5, "new": {"a": [1]}, "links": null})"), "");
  EXPECT_EQ(ReadValue(R"({"arrayValue": {"values": [null, {"boolValue": false}]}})"),
            "array_value { values { } values { bool_value: false } }");
  EXPECT_EQ(ReadSpan(R"({"parentSpanId": ""})"), "");
  EXPECT_EQ(ReadSpan("{}"), "");
}

TEST(JsonReaderTest, TakesEitherBase64) {
  for (const char* text : {"+/8=", "-_8=", "+/8", "-_8"}) {
    EXPECT_EQ(ReadValue(R"({"bytesValue": ")" + std::string(text) + "\"}"),
              "bytes_value: \"\\373\\377\"");
  }
}

TEST(JsonReaderTest, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(Error(kTraceRequest, R"({"resourceSpans": [{}, {"scopeSpans": [{"spans":
      [{"attributes": [{"key": "k", "value": {"intValue": "x"}}]}]}]}]})"),
            "resourceSpans[1].scopeSpans[0].spans[0].attributes[0].value.intValue: not a whole "
            "number of its range");
  EXPECT_EQ(SpanError(R"({"traceId": "5b8"})"), "traceId: not hex digits");
  EXPECT_EQ(SpanError(R"({"traceId": "zz"})"), "traceId: not hex digits");
  EXPECT_EQ(SpanError(R"({"name": 5})"), "name: not a string");
  EXPECT_EQ(SpanError(R"({"links": {}})"), "links: not an array");
  EXPECT_EQ(SpanError(R"({"status": []})"), "status: not an object");
  EXPECT_EQ(SpanError(R"({"kind": "OTHER"})"), "kind: not a whole number of its range");
  EXPECT_EQ(SpanError(R"({"kind": 1.5})"), "kind: not a whole number of its range");
  EXPECT_EQ(SpanError(R"({"flags": 4294967296})"), "flags: not a whole number of its range");
  EXPECT_EQ(SpanError(R"({"flags": -1})"), "flags: not a whole number of its range");
  EXPECT_EQ(Error(AnyValue(), R"({"intValue": 9223372036854775808})"),
            "intValue: not a whole number of its range");
  EXPECT_EQ(Error(AnyValue(), R"({"boolValue": 1})"), "boolValue: not true or false");
  EXPECT_EQ(Error(AnyValue(), R"({"bytesValue": "*"})"), "bytesValue: not base64");
  EXPECT_EQ(SpanError("[]"), "the body is not an object");
}

TEST(JsonReaderTest, RefusesWhatIsNotOneJsonValue) {
  for (const char* json : {"", " ", "{", "{}{}", "{} x", "{'a': 1}", "{\"a\": 01}", "nul",
                           "{\"name\": \"\xff\"}", "{\"name\": \"\\ud800\"}", "{\"a\": 1e999}"}) {
    EXPECT_THAT(SpanError(json), HasSubstr("the body is not")) << json;
  }
}

TEST(JsonReaderTest, GoesOnlySoDeep) {
  const auto nested = [](int depth) {
    std::string json;
    for (int i = 0; i < depth; ++i) json += R"({"arrayValue": {"values": [)";
    json += R"({"intValue": 1})";
    for (int i = 0; i < depth; ++i) json += "]}}";
    return json;
  };
  EXPECT_TRUE(JsonToWire(AnyValue(), nested(45)).ok());
  EXPECT_THAT(Error(AnyValue(), nested(60)), HasSubstr("nested too deep"));
  EXPECT_THAT(Error(AnyValue(), nested(10'000)), HasSubstr("the body is not JSON"));
}

}  // namespace
}  // namespace sluice::ingest::otlp
