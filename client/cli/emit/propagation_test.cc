#include "client/cli/emit/propagation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace sluice::cli {
namespace {

using ::testing::ElementsAre;

constexpr char kTraceparent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

Environment FixedEnvironment(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
}

std::vector<std::string> Child(std::vector<std::string> inherited, const TraceContext& context) {
  std::vector<char*> pointers;
  for (std::string& entry : inherited) pointers.push_back(entry.data());
  pointers.push_back(nullptr);
  return ChildEnvironment(pointers.data(), context);
}

TraceContext Context(std::string tracestate = {}) {
  return *ParseTraceContext(kTraceparent, tracestate);
}

TEST(IncomingContextTest, IsAbsentWhereItIsMalformed) {
  EXPECT_FALSE(IncomingContext(FixedEnvironment({})));
  EXPECT_FALSE(
      IncomingContext(FixedEnvironment({{"TRACEPARENT", "00-zz-00-01"}, {"TRACESTATE", "a=b"}})));
  EXPECT_FALSE(IncomingContext(FixedEnvironment({{"TRACEPARENT", ""}})));
}

TEST(IncomingContextTest, ReadsParentAndState) {
  const auto context =
      IncomingContext(FixedEnvironment({{"TRACEPARENT", kTraceparent}, {"TRACESTATE", "a=b"}}));
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace_id.ToHex(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(context->tracestate, "a=b");
}

TEST(ChildEnvironmentTest, ReplacesTheContextAndKeepsTheRest) {
  EXPECT_THAT(
      Child({"PATH=/bin", "TRACEPARENT=old", "TRACESTATE=old=1", "TRACEPARENTS=x"}, Context("a=b")),
      ElementsAre("PATH=/bin", "TRACEPARENTS=x", std::string("TRACEPARENT=") + kTraceparent,
                  "TRACESTATE=a=b"));
}

TEST(ChildEnvironmentTest, NamesNoStateWhereThereIsNone) {
  EXPECT_THAT(Child({"TRACESTATE=left=over"}, Context()),
              ElementsAre(std::string("TRACEPARENT=") + kTraceparent));
}

TEST(ChildEnvironmentTest, PassesReadableBaggageOnUnchanged) {
  EXPECT_THAT(
      Child({"BAGGAGE= user=ann%20b ;p=1"}, Context()),
      ElementsAre("BAGGAGE= user=ann%20b ;p=1", std::string("TRACEPARENT=") + kTraceparent));
}

TEST(ChildEnvironmentTest, DropsMalformedBaggage) {
  EXPECT_THAT(Child({"BAGGAGE=;;"}, Context()),
              ElementsAre(std::string("TRACEPARENT=") + kTraceparent));
}

TEST(BaggageAttributesTest, AreThoseThatTheVariableNames) {
  const auto attributes = BaggageAttributes(FixedEnvironment(
      {{"BAGGAGE", "run=r1,secret=x,app.a=1"}, {"SLUICE_BAGGAGE_KEYS", "app.*,run"}}));
  ASSERT_EQ(attributes.size(), 2u);
  EXPECT_EQ(attributes[0].key, "app.a");
  EXPECT_EQ(std::get<std::string>(attributes[1].value), "r1");
  EXPECT_TRUE(BaggageAttributes(FixedEnvironment({{"BAGGAGE", "run=r1"}})).empty());
}

TEST(NewSpanContextTest, StaysInTheIncomingTrace) {
  const TraceContext incoming = Context("a=b");
  const TraceContext own = NewSpanContext(incoming);
  EXPECT_EQ(own.trace_id, incoming.trace_id);
  EXPECT_NE(own.span_id, incoming.span_id);
  EXPECT_EQ(own.flags, incoming.flags);
  EXPECT_EQ(own.tracestate, "a=b");
}

TEST(NewSpanContextTest, BeginsATraceOfItsOwnElse) {
  const TraceContext own = NewSpanContext(std::nullopt);
  EXPECT_FALSE(own.trace_id.IsZero());
  EXPECT_FALSE(own.span_id.IsZero());
  EXPECT_EQ(own.trace_id.bytes[6] >> 4, 4) << "no UUID of version 4";
  EXPECT_EQ(own.trace_id.bytes[8] >> 6, 2);
  EXPECT_NE(own.flags & kSampledFlag, 0);
  EXPECT_NE(own.trace_id, NewSpanContext(std::nullopt).trace_id);
}

std::string Resource(std::map<std::string, std::string> variables) {
  return ResourceFromEnvironment(FixedEnvironment(std::move(variables)));
}

TEST(ResourceTest, IsEmptyWithoutVariables) { EXPECT_EQ(Resource({}), ""); }

TEST(ResourceTest, HoldsWhatTheVariablesSay) {
  EXPECT_EQ(Resource({{"OTEL_SERVICE_NAME", "s"}, {"OTEL_RESOURCE_ATTRIBUTES", "k=a%20b"}}),
            "\x0a\x13\x0a\x0cservice.name\x12\x03\x0a\x01s"
            "\x0a\x0a\x0a\x01k\x12\x05\x0a\x03"
            "a b");
}

TEST(ResourceTest, TakesTheServiceNameVariableFirst) {
  EXPECT_EQ(Resource({{"OTEL_SERVICE_NAME", "s"}, {"OTEL_RESOURCE_ATTRIBUTES", "service.name=t"}}),
            Resource({{"OTEL_SERVICE_NAME", "s"}}));
}

TEST(ResourceTest, TakesNothingOfAListThatCannotBeRead) {
  EXPECT_EQ(Resource({{"OTEL_RESOURCE_ATTRIBUTES", "a=1,b"}}), "");
}

TEST(ResourceTest, SendsNoReservedNames) {
  EXPECT_EQ(Resource({{"OTEL_RESOURCE_ATTRIBUTES", "sluice.uid=0"}}), "");
}

}  // namespace
}  // namespace sluice::cli
