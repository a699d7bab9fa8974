#include "client/cli/emit/span_flags.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

using Value = decltype(Attribute::value);

Value ValueOf(std::string_view text) {
  const Result<Attribute> attribute = ParseAttr(text);
  return attribute.ok() ? attribute->value : Value("refused: " + attribute.failure().message);
}

TEST(SpanFlagsTest, AnAttributeIsANumberWhereItWouldBeWrittenTheSame) {
  EXPECT_EQ(ValueOf("k=12"), Value(int64_t{12}));
  EXPECT_EQ(ValueOf("k=-5"), Value(int64_t{-5}));
  EXPECT_EQ(ValueOf("k=0.5"), Value(0.5));
  EXPECT_EQ(ValueOf("k=true"), Value(true));
  for (const std::string text : {"010", "0x10", "+1", "1.10", "1e3", "True", "nan", "inf", "1.",
                                 "99999999999999999999", ""}) {
    EXPECT_EQ(ValueOf("k=" + text), Value(text));
  }
}

TEST(SpanFlagsTest, ATypeThatTheKeyNamesCounts) {
  EXPECT_EQ(ValueOf("k:string=12"), Value(std::string("12")));
  EXPECT_EQ(ValueOf("k:double=12"), Value(12.0));
  const Result<Attribute> plain = ParseAttr("a:b=c");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->key, "a:b");
  EXPECT_FALSE(ParseAttr("sluice.uid=0").ok());
  EXPECT_FALSE(ParseAttr("novalue").ok());
}

TEST(SpanFlagsTest, AttrsAreSplitAtCommasOutsideQuotes) {
  using Elements = std::vector<std::string>;
  EXPECT_EQ(*SplitAttrs("a=1,b=2"), (Elements{"a=1", "b=2"}));
  EXPECT_EQ(*SplitAttrs("\"a=1,5\",b=\"x\""), (Elements{"a=1,5", "b=x"}));
  EXPECT_EQ(*SplitAttrs("\"a=say \"\"hi\"\"\""), (Elements{"a=say \"hi\""}));
  EXPECT_EQ(*SplitAttrs(""), Elements{});
  EXPECT_FALSE(SplitAttrs("\"a=1").ok());
}

TEST(SpanFlagsTest, OfTheSameKeyTheLastCounts) {
  EmitFlags emit;
  emit.attributes = {"a=x"};
  const auto attributes = SpanAttributes(emit, {"a=1,b=2", "b=3"});
  ASSERT_TRUE(attributes.ok());
  ASSERT_EQ(attributes->size(), 2u);
  EXPECT_EQ((*attributes)[0].value, Value(int64_t{1}));
  EXPECT_EQ((*attributes)[1].value, Value(int64_t{3}));
}

TEST(SpanFlagsTest, TimesAreReadAsOtelCliReadsThem) {
  constexpr uint64_t kSecond = 1'000'000'000;
  constexpr uint64_t kMoment = 1763630873 * kSecond;  // 2025-11-20T09:27:53Z
  EXPECT_EQ(ParseSpanTime("now", 42), 42u);
  EXPECT_EQ(ParseSpanTime("1763630873", 0), kMoment);
  EXPECT_EQ(ParseSpanTime("1763630873.000000007", 0), kMoment + 7);
  EXPECT_EQ(ParseSpanTime("2025-11-20T09:27:53Z", 0), kMoment);
  EXPECT_EQ(ParseSpanTime("2025-11-20T11:27:53+02:00", 0), kMoment);
  EXPECT_EQ(ParseSpanTime("2025-11-20T05:57:53.5-0330", 0), kMoment + kSecond / 2);
  for (const char* text : {"", "soon", ".5", "1.", "1763630873.0000000001", "99999999999",
                           "2025-11-20T09:27:53+2", "1970-01-01T00:00:00+01:00"}) {
    EXPECT_EQ(ParseSpanTime(text, 0), std::nullopt) << text;
  }
}

TEST(SpanFlagsTest, AForcedTraceHasNoParentOfAnotherOne) {
  const TraceContext incoming{.trace_id = *TraceId::FromHex("4bf92f3577b34da6a3ce929d0e0e4736"),
                              .span_id = *SpanId::FromHex("00f067aa0ba902b7"),
                              .flags = kSampledFlag};
  SpanFlags flags;
  EXPECT_EQ(DescribeSpan(flags, incoming, {}).parent_span_id, incoming.span_id);
  flags.trace_id = *TraceId::FromHex("11111111111111111111111111111111");
  EXPECT_TRUE(DescribeSpan(flags, incoming, {}).parent_span_id.IsZero());
  flags.parent_span_id = incoming.span_id;
  EXPECT_EQ(DescribeSpan(flags, incoming, {}).parent_span_id, incoming.span_id);
}

}  // namespace
}  // namespace sluice::cli
