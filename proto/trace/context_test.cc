#include "proto/trace/context.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

constexpr char kParent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

bool Parses(std::string_view traceparent) { return ParseTraceContext(traceparent).has_value(); }

std::string WithVersion(std::string_view version, std::string_view tail = "") {
  return std::string(version) + std::string(kParent + 2) + std::string(tail);
}

std::string WithFlags(std::string_view flags) {
  return std::string(kParent).substr(0, 53) + std::string(flags);
}

// `count` members k0=v, k1=v ...
std::string Members(int count) {
  std::string list;
  for (int i = 0; i < count; ++i) list += "k" + std::to_string(i) + "=v,";
  list.pop_back();
  return list;
}

TEST(TraceparentTest, RoundTrips) {
  const auto context = ParseTraceContext(kParent);
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(context->trace_id.ToHex(), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(context->span_id.ToHex(), "b7ad6b7169203331");
  EXPECT_EQ(context->flags, kSampledFlag);
  EXPECT_EQ(FormatTraceparent(*context), kParent);
}

TEST(TraceparentTest, RejectsUpperCaseDigits) {
  EXPECT_FALSE(Parses("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"));
  EXPECT_FALSE(Parses("00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01"));
  EXPECT_FALSE(Parses(WithVersion("FE")));
  EXPECT_FALSE(Parses(WithVersion("cC")));
  EXPECT_FALSE(Parses(WithFlags("0A")));
  EXPECT_TRUE(Parses(WithVersion("cc", "-WHAT-IS-MORE")));
}

TEST(TraceparentTest, KeepsOnlyTheKnownFlags) {
  EXPECT_EQ(ParseTraceContext(WithFlags("00"))->flags, 0);
  EXPECT_EQ(ParseTraceContext(WithFlags("02"))->flags, kRandomTraceIdFlag);
  EXPECT_EQ(ParseTraceContext(WithFlags("ff"))->flags, kSampledFlag | kRandomTraceIdFlag);
  EXPECT_FALSE(Parses(WithFlags("0g")));
}

TEST(TraceparentTest, TakesHigherVersionsButNotFf) {
  EXPECT_TRUE(Parses(WithVersion("01")));
  EXPECT_TRUE(Parses(WithVersion("cc", "-what-is-more")));
  EXPECT_TRUE(Parses(WithVersion("cc", "-")));
  EXPECT_FALSE(Parses(WithVersion("cc", ".more")));
  EXPECT_FALSE(Parses(WithVersion("00", "-more")));
  EXPECT_FALSE(Parses(WithVersion("ff")));
  EXPECT_FALSE(Parses(WithVersion("0x")));
}

TEST(TraceparentTest, RejectsMalformedText) {
  EXPECT_FALSE(Parses(""));
  EXPECT_FALSE(Parses(std::string(kParent).substr(0, 54)));
  EXPECT_FALSE(Parses("00-00000000000000000000000000000000-b7ad6b7169203331-01"));
  EXPECT_FALSE(Parses("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"));
  for (const size_t dash : {2, 35, 52}) {
    std::string text = kParent;
    text[dash] = '_';
    EXPECT_FALSE(Parses(text)) << dash;
  }
  for (const size_t digit : {0, 3, 34, 36, 51, 54}) {
    std::string text = kParent;
    text[digit] = 'g';
    EXPECT_FALSE(Parses(text)) << digit;
  }
}

TEST(TracestateTest, ComesWithItsTraceparentOrNotAtAll) {
  EXPECT_EQ(ParseTraceContext(kParent, "a=1")->tracestate, "a=1");
  EXPECT_EQ(ParseTraceContext(kParent, "bad")->tracestate, "");
  EXPECT_FALSE(ParseTraceContext("bad", "a=1").has_value());
}

TEST(TracestateTest, LosesBlanksAndEmptyMembers) {
  EXPECT_EQ(ParseTracestate(" a=1 ,, \t,b= 2,"), "a=1,b= 2");
  EXPECT_EQ(ParseTracestate(""), "");
}

TEST(TracestateTest, ChecksKeysAndValues) {
  EXPECT_EQ(ParseTracestate("0a_-*/@z=!#~ x"), "0a_-*/@z=!#~ x");
  for (const char* bad : {"a", "=1", "a=", "A=1", "_a=1", "a b=1", "a=1=2", "a=\x7f", "a=\x1f",
                          "a=1,b", "a=1,a=2", "a=\xc3\xa9"}) {
    EXPECT_EQ(ParseTracestate(bad), "") << bad;
  }
  for (const size_t size : {255, 256, 257}) {
    const std::string key = std::string(size, 'k') + "=v";
    const std::string value = "k=" + std::string(size, 'v');
    EXPECT_EQ(ParseTracestate(key), size <= 256 ? key : "");
    EXPECT_EQ(ParseTracestate(value), size <= 256 ? value : "");
  }
}

TEST(TracestateTest, TakesAtMost32Members) {
  EXPECT_EQ(ParseTracestate(Members(31)), Members(31));
  EXPECT_EQ(ParseTracestate(Members(32)), Members(32));
  EXPECT_EQ(ParseTracestate(Members(33)), "");
}

TEST(TracestateTest, IsCutByWholeMembersTheLongOnesFirst) {
  const std::string longest = "b=" + std::string(127, 'x');  // 129 bytes
  EXPECT_EQ(TruncateTracestate("a=1," + longest + ",c=3", 512), "a=1," + longest + ",c=3");
  EXPECT_EQ(TruncateTracestate("a=1," + longest + ",c=3", 100), "a=1,c=3");
  EXPECT_EQ(TruncateTracestate("a=1,b=2,c=3", 11), "a=1,b=2,c=3");
  EXPECT_EQ(TruncateTracestate("a=1,b=2,c=3", 10), "a=1,b=2");
  EXPECT_EQ(TruncateTracestate("a=1,b=2,c=3", 2), "");
  const std::string not_long = "b=" + std::string(126, 'x');  // 128 bytes
  EXPECT_EQ(TruncateTracestate("a=1," + not_long + ",c=3", 132), "a=1," + not_long);
}

}  // namespace
}  // namespace sluice
