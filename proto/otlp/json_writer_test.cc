#include "proto/otlp/json_writer.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "proto/wire/writer.h"
#include "sluice/otlp/v1/collector.pb.h"

namespace sluice::otlp {
namespace {

std::string Json(const Message& message, std::string_view encoded) {
  std::string json;
  AppendJson(message, encoded, &json);
  return json;
}

template <typename Proto>
std::string Encoded(const char* text) {
  Proto message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message.SerializeAsString();
}

// The message that has a field of this name, found in depth.
const Message& Within(const Message& message, std::initializer_list<std::string_view> path) {
  const Message* at = &message;
  for (const std::string_view name : path) at = at->Find(name)->message;
  return *at;
}
const Message& AnyValue() {
  return Within(kLogsRequest, {"resourceLogs", "scopeLogs", "logRecords", "body"});
}
const Message& Span() { return Within(kTraceRequest, {"resourceSpans", "scopeSpans", "spans"}); }
const Message& Metric() {
  return Within(kMetricsRequest, {"resourceMetrics", "scopeMetrics", "metrics"});
}

std::string Value(const char* text) { return Json(AnyValue(), Encoded<v1::AnyValue>(text)); }

TEST(JsonWriterTest, WritesASpan) {
  EXPECT_EQ(Json(kTraceRequest, Encoded<v1::ExportTraceServiceRequest>(R"(
    resource_spans {
      resource { attributes { key: "service.name" value { string_value: "job" } } }
      scope_spans {
        scope { name: "lib" }
        spans {
          trace_id: "\x5b\x8e\xff\xf7\x98\x03\x81\x03\xd2\x69\xb6\x33\x81\x3f\xc6\x0c"
          span_id: "\xee\xe1\x9b\x7e\xc3\xc1\xb1\x74"
          name: "step" kind: SPAN_KIND_SERVER
          start_time_unix_nano: 1544712660000000000
          status { code: STATUS_CODE_ERROR message: "it broke" }
          flags: 257
        }
      }
    })")),
            R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":)"
            R"({"stringValue":"job"}}]},"scopeSpans":[{"scope":{"name":"lib"},"spans":[{)"
            R"("traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174",)"
            R"("name":"step","kind":2,"startTimeUnixNano":"1544712660000000000",)"
            R"("status":{"message":"it broke","code":2},"flags":257}]}]}]})");
}

TEST(JsonWriterTest, WritesEachTypeOfValue) {
  EXPECT_EQ(Value(R"(string_value: "")"), R"({"stringValue":""})");
  EXPECT_EQ(Value("bool_value: false"), R"({"boolValue":false})");
  EXPECT_EQ(Value("int_value: -9223372036854775808"), R"({"intValue":"-9223372036854775808"})");
  EXPECT_EQ(Value("double_value: 0.1"), R"({"doubleValue":0.1})");
  EXPECT_EQ(Value("double_value: nan"), R"({"doubleValue":"NaN"})");
  EXPECT_EQ(Value("double_value: -inf"), R"({"doubleValue":"-Infinity"})");
  EXPECT_EQ(Value(R"(bytes_value: "\x00")"), R"({"bytesValue":"AA=="})");
  EXPECT_EQ(Value(R"(bytes_value: "\xff\xfe")"), R"({"bytesValue":"//4="})");
  EXPECT_EQ(Value(R"(bytes_value: "abc")"), R"({"bytesValue":"YWJj"})");
  EXPECT_EQ(Value(R"(array_value { values { int_value: 1 } values {} })"),
            R"({"arrayValue":{"values":[{"intValue":"1"},{}]}})");
  EXPECT_EQ(Value(R"(kvlist_value { values { key: "a" value { bool_value: true } } })"),
            R"({"kvlistValue":{"values":[{"key":"a","value":{"boolValue":true}}]}})");
}

TEST(JsonWriterTest, EscapesText) {
  EXPECT_EQ(Value(R"(string_value: "\"\\\n\t\x01 \xc3\xa4")"),
            "{\"stringValue\":\"\\\"\\\\\\n\\t\\u0001 \xc3\xa4\"}");
  std::string not_utf8;
  StringWireWriter(StringSink(&not_utf8)).Bytes(1, "a\xff");
  EXPECT_EQ(Json(AnyValue(), not_utf8), "{\"stringValue\":\"a\xef\xbf\xbd\"}");
}

TEST(JsonWriterTest, MergesWhatCameInParts) {
  const std::string parts = Encoded<v1::Span>(R"(name: "first" status { message: "broken" })"
                                              R"(attributes { key: "a" value { int_value: 1 } })") +
                            Encoded<v1::Span>(R"(name: "last" status { code: STATUS_CODE_ERROR })"
                                              R"(attributes { key: "b" })");
  EXPECT_EQ(Json(Span(), parts),
            R"({"name":"last","attributes":[{"key":"a","value":{"intValue":"1"}},{"key":"b"}],)"
            R"("status":{"message":"broken","code":2}})");
}

TEST(JsonWriterTest, TakesTheLastOfAOneof) {
  const std::string parts =
      Encoded<v1::AnyValue>("int_value: 1") + Encoded<v1::AnyValue>("bool_value: true");
  EXPECT_EQ(Json(AnyValue(), parts), R"({"boolValue":true})");
}

TEST(JsonWriterTest, WritesMetrics) {
  std::string metric;
  StringWireWriter writer{StringSink(&metric)};
  writer.Bytes(1, "latency");
  const auto histogram = writer.Begin(9);
  const auto point = writer.Begin(1);
  writer.Fixed64(4, 3);
  writer.Double(5, 1.5);
  writer.Bytes(6, std::string_view("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", 16));  // packed
  writer.Double(7, 10);                                                       // and not
  writer.End(point);
  writer.Varint(2, 2);
  writer.End(histogram);
  EXPECT_EQ(Json(Metric(), metric),
            R"({"name":"latency","histogram":{"dataPoints":[{"count":"3","sum":1.5,)"
            R"("bucketCounts":["1","2"],"explicitBounds":[10]}],"aggregationTemporality":2}})");
}

TEST(JsonWriterTest, WritesZigzagAndPackedVarints) {
  std::string metric;
  StringWireWriter writer{StringSink(&metric)};
  const auto histogram = writer.Begin(10);
  const auto point = writer.Begin(1);
  writer.Varint(6, 3);  // -2
  const auto buckets = writer.Begin(8);
  writer.Varint(1, 4294967295);  // the least of 32 bits
  writer.Bytes(2, "\x01\xac\x02");
  writer.End(buckets);
  writer.End(point);
  writer.End(histogram);
  EXPECT_EQ(Json(Metric(), metric),
            R"({"exponentialHistogram":{"dataPoints":[{"scale":-2,)"
            R"("positive":{"offset":-2147483648,"bucketCounts":["1","300"]}}]}})");
}

TEST(JsonWriterTest, LeavesOutWhatTheTableDoesNotKnow) {
  std::string span;
  StringWireWriter writer{StringSink(&span)};
  writer.Bytes(99, "new");
  writer.Varint(5, 7);  // a name that is no text
  writer.Bytes(5, "kept");
  EXPECT_EQ(Json(Span(), span), R"({"name":"kept"})");
}

TEST(JsonWriterTest, ReadsMalformedBytesAsFarAsTheyAreSound) {
  std::string span;
  StringWireWriter(StringSink(&span)).Bytes(5, "kept");
  EXPECT_EQ(Json(Span(), span + "\x4a\x7f"), R"({"name":"kept"})");
}

TEST(JsonWriterTest, EndsWhereMessagesNestWithoutEnd) {
  std::string value;
  for (int i = 0; i < 1000; ++i) {
    std::string array, outer;
    StringWireWriter(StringSink(&array)).Bytes(1, value);
    StringWireWriter(StringSink(&outer)).Bytes(5, array);
    value = outer;
  }
  const std::string json = Json(AnyValue(), value);
  EXPECT_EQ(std::count(json.begin(), json.end(), '{'), 101);
}

}  // namespace
}  // namespace sluice::otlp
