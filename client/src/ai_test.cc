// What AI agents' spans are called, and what of their content leaves the process.
#include "sluice/ai.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "sluice/sluice.hpp"
#include "tests/support/fake_agent.h"

namespace sluice::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

FakeAgent& Agent() {
  static FakeAgent agent;
  return agent;
}

// The one span that is emitted within.
SeenRecord Emitted(const ai::Options& options, const std::function<void()>& emit) {
  ai::Configure(options);
  emit();
  Flush(10'000);
  SeenRecord merged;
  const auto records = Agent().records();
  for (const SeenRecord& record : records) {
    if (record.span_id != records.back().span_id) continue;
    if (!record.name.empty()) merged.name = record.name;
    if (record.status != 0) merged.status = record.status;
    for (const auto& [key, value] : record.attributes) merged.attributes[key] = value;
  }
  return merged;
}

void CallTool() {
  ai::Tool tool("search", {R"({"tool_type":"function"})"});
  tool.SetArguments("{\"q\":\"Paris\"}");
  tool.SetResult("found");
}
void CallModel() {
  ai::Model model("gemini", {.request_model = "gemini-pro"});
  model.SetUsage({.input_tokens = 8, .output_tokens = 9});
  model.SetTtft(843129);
}

TEST(AiTest, ContentStaysInTheProcessUnlessAsked) {
  const SeenRecord span = Emitted({}, CallTool);
  EXPECT_THAT(span.attributes, UnorderedElementsAre(Pair("vllora.tool_name", "search"),
                                                    Pair("tags", R"({"tool_type":"function"})")));
}

TEST(AiTest, ContentIsCutWhereItIsLong) {
  const SeenRecord span = Emitted({.content_bytes = 5}, [] {
    ai::Tool tool("search");
    tool.SetArguments("1234\xc3\xa4rest");
    tool.SetResult("found");
  });
  EXPECT_EQ(span.attributes.at("input"), "1234");
  EXPECT_EQ(span.attributes.at("input.size"), "10");
  EXPECT_EQ(span.attributes.at("output"), "found");
  EXPECT_EQ(span.attributes.count("output.size"), 0u);
}

TEST(AiTest, NamesAreThoseOfTheConventionsWhereAsked) {
  const ai::Options options = {.names = ai::Names::kGenAi, .content_bytes = 100};
  const SeenRecord tool = Emitted(options, CallTool);
  EXPECT_EQ(tool.name, "execute_tool search");
  EXPECT_THAT(tool.attributes,
              UnorderedElementsAre(Pair("gen_ai.operation.name", "execute_tool"),
                                   Pair("gen_ai.tool.name", "search"), Key("tags"),
                                   Pair("gen_ai.tool.call.arguments", "{\"q\":\"Paris\"}"),
                                   Pair("gen_ai.tool.call.result", "found")));
  const SeenRecord model = Emitted(options, CallModel);
  EXPECT_EQ(model.name, "chat gemini-pro");
  EXPECT_THAT(model.attributes,
              AllOf(Contains(Pair("gen_ai.provider.name", "gcp.gemini")),
                    Contains(Pair("gen_ai.usage.input_tokens", "8")),
                    Contains(Pair("gen_ai.response.time_to_first_chunk", "0.843129")),
                    Not(Contains(Key("usage"))), Not(Contains(Key("ttft")))));
}

TEST(AiTest, BothNamesTogetherWhereAsked) {
  const SeenRecord span = Emitted({.names = ai::Names::kBoth, .content_bytes = 0}, CallModel);
  EXPECT_EQ(span.name, "gemini");
  EXPECT_THAT(span.attributes, AllOf(Contains(Pair("ttft", "843129")), Contains(Key("usage")),
                                     Contains(Pair("gen_ai.usage.output_tokens", "9"))));
}

TEST(AiTest, AliasesNameTheSameSpans) {
  EXPECT_EQ(Emitted({}, [] { const ai::ApiInvoke turn; }).name, "api_invoke");
  EXPECT_EQ(Emitted({}, [] { const ai::ModelInvoke call({}); }).name, "model_call");
}

TEST(AiTest, TokensAreCountedOnceAndErrorsFailTheSpan) {
  const SeenRecord span = Emitted({.names = ai::Names::kBoth, .content_bytes = 0}, [] {
    ai::ModelCall call({.provider_name = "openai", .inference_model_name = "gpt-4"});
    call.SetUsage({.input_tokens = 8, .output_tokens = 9});
    call.SetError("rate limited");
  });
  EXPECT_THAT(span.attributes, Not(Contains(Key("gen_ai.usage.input_tokens"))));
  EXPECT_EQ(span.attributes.at("error"), "rate limited");
  EXPECT_EQ(span.status, 2);
}

TEST(AiTest, WhatIsKnownLaterIsRecordedOnTheCurrentSpan) {
  const SeenRecord span = Emitted({}, [] {
    const ai::Thread thread;
    ai::Current().SetUser("u1");
    ai::Current().SetCost(0.5);
  });
  EXPECT_EQ(span.name, "api_invoke");
  EXPECT_EQ(span.attributes.at("user"), "u1");
  EXPECT_EQ(span.attributes.at("cost"), "0.500000");
}

}  // namespace
}  // namespace sluice::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  sluice::testing::FakeAgent& agent = sluice::testing::Agent();
  sluice::Init({.socket_path = agent.socket_path()});
  const int result = RUN_ALL_TESTS();
  agent.Stop();
  return result;
}
