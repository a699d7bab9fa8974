#include "agent/sinks/otlp/span_join.h"

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "proto/record/otlp_field_numbers.h"
#include "proto/wire/reader.h"
#include "sluice/otlp/v1/trace.pb.h"

namespace sluice::otlp {
namespace {

std::string Encoded(const std::string& text) {
  v1::Span span;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &span)) << text;
  return span.SerializeAsString();
}
std::string Join(const std::string& parts, std::optional<SpanId> parent = std::nullopt) {
  std::string joined;
  JoinSpan(parts, parent, &joined);
  return joined;
}
std::string Printed(const std::string& encoded) {
  v1::Span span;
  EXPECT_TRUE(span.ParseFromString(encoded));
  std::string text;
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  printer.PrintToString(span, &text);
  return text;
}
int CountOf(const std::string& encoded, uint32_t number) {
  int count = 0;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) count += field.number() == number ? 1 : 0;
  return count;
}

const std::string kStart = Encoded(R"(trace_id: "0123456789abcdef" span_id: "01234567"
    name: "step" kind: SPAN_KIND_SERVER start_time_unix_nano: 5
    attributes { key: "a" value { int_value: 1 } } attributes { key: "b" } flags: 1)");
const std::string kEnd = Encoded(R"(trace_id: "0123456789abcdef" span_id: "01234567"
    end_time_unix_nano: 9 attributes { key: "c" } attributes { key: "a" value { int_value: 2 } }
    dropped_attributes_count: 3)");

TEST(SpanJoinTest, WritesEachFieldOnce) {
  const std::string joined = Join(kStart + kEnd);
  for (const uint32_t number : {span_field::kTraceId, span_field::kSpanId, span_field::kName}) {
    EXPECT_EQ(CountOf(joined, number), 1) << number;
  }
  EXPECT_EQ(Printed(joined), Printed(Encoded(R"(trace_id: "0123456789abcdef" span_id: "01234567"
    name: "step" kind: SPAN_KIND_SERVER start_time_unix_nano: 5 end_time_unix_nano: 9
    attributes { key: "a" value { int_value: 2 } } attributes { key: "b" }
    attributes { key: "c" } dropped_attributes_count: 3 flags: 1)")));
}

TEST(SpanJoinTest, MergesAStatusThatCameInParts) {
  const std::string joined = Join(Encoded(R"(status { message: "disk full" })") +
                                  Encoded("status { code: STATUS_CODE_ERROR }"));
  EXPECT_EQ(CountOf(joined, span_field::kStatus), 1);
  EXPECT_EQ(Printed(joined), Printed(Encoded(R"(status { message: "disk full"
                                              code: STATUS_CODE_ERROR })")));
}

TEST(SpanJoinTest, KeepsEventsLinksAndWhatItDoesNotKnow) {
  const std::string unknown("\xfa\x06\x01x", 4);  // field 111
  const std::string joined = Join(Encoded(R"(events { name: "e1" } links { trace_state: "l" })") +
                                  unknown + Encoded(R"(events { name: "e2" })"));
  EXPECT_EQ(CountOf(joined, 111), 1);
  EXPECT_EQ(CountOf(joined, span_field::kEvents), 2);
  EXPECT_EQ(CountOf(joined, span_field::kLinks), 1);
}

TEST(SpanJoinTest, NamesAnotherParent) {
  const std::string parts = Encoded(R"(parent_span_id: "original")");
  EXPECT_EQ(Printed(Join(parts, *SpanId::FromBytes("another!"))), R"(parent_span_id: "another!" )");
  EXPECT_EQ(Join(parts, SpanId()), "") << "it is a root";
  EXPECT_EQ(Join(parts), parts);
}

TEST(SpanJoinTest, FindsKeysAmongMany) {
  std::string parts, expected;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 200; ++i) {
      const std::string attribute =
          Encoded("attributes { key: \"k" + std::to_string(i) +
                  "\" value { int_value: " + std::to_string(round) + "} }");
      parts += attribute;
      if (round == 1) expected += attribute;
    }
  }
  EXPECT_EQ(Join(parts), expected);
}

}  // namespace
}  // namespace sluice::otlp
