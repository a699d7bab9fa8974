#include "client/cli/trace/run_info.h"

#include <gtest/gtest.h>

#include "client/cli/render/run_info.h"
#include "tests/support/client/trace_records.h"

namespace sluice::cli {
namespace {

// One span with attributes, of a run unless that is empty.
class Span {
 public:
  Span(Records* records, char id, char parent, uint64_t from, uint64_t to) : records_(records) {
    records_->Whole(id, parent, from, to);
  }
  Span& Text(const char* key, const std::string& text) {
    Add(key)->set_string_value(text);
    return *this;
  }
  Span& Int(const char* key, int64_t number) {
    Add(key)->set_int_value(number);
    return *this;
  }
  Span& Double(const char* key, double number) {
    Add(key)->set_double_value(number);
    return *this;
  }

 private:
  otlp::v1::AnyValue* Add(const char* key) {
    auto* const attribute = records_->span()->add_attributes();
    attribute->set_key(key);
    return attribute->mutable_value();
  }
  Records* records_;
};

// A run of one trace.
std::vector<Trace> TracesOf(const Records& records) {
  std::vector<Trace> traces;
  traces.push_back(records.Build());
  return traces;
}

constexpr char kUsage[] = R"({"input_tokens": 8, "output_tokens": 9})";

// vLLora's: what the gateway says of a call, the provider's span says again.
Records Gateway() {
  Records records;
  Span(&records, 'r', 0, 0, 1000).Text("vllora.run_id", "one");
  Span(&records, 'a', 'r', 10, 900).Text("vllora.agent_name", "research");
  Span(&records, 'm', 'a', 20, 500)
      .Text("model_name", "mini")
      .Text("usage", kUsage)
      .Double("cost", 0.5);
  Span(&records, 'o', 'm', 30, 400)
      .Text("inference_model_name", "mini")
      .Text("provider_name", "openai")
      .Text("usage", kUsage)
      .Double("cost", 0.5)
      .Text("ttft", "843129")
      .Text("input", "hello");
  Span(&records, 't', 'a', 600, 700).Text("vllora.tool_name", "search");
  return records;
}

// OpenTelemetry's conventions, and a call that failed.
Records Conventions() {
  Records records;
  Span(&records, 'r', 0, 0, 1000).Text("vllora.run_id", "one");
  Span(&records, 'c', 'r', 20, 500)
      .Text("gen_ai.request.model", "mini")
      .Text("gen_ai.provider.name", "openai")
      .Int("gen_ai.usage.input_tokens", 8)
      .Int("gen_ai.usage.output_tokens", 9)
      .Double("gen_ai.response.time_to_first_chunk", 0.843129);
  records.Start('f', 'r', 600);
  Span(&records, 'x', 'f', 610, 620).Text("gen_ai.request.model", "large").Text("error", "429");
  records.End('f', 700, "gave up");
  return records;
}

TEST(RunInfoTest, CountsACallWithinACallOnce) {
  const RunInfo run = DescribeRun(TracesOf(Gateway()), "one");
  ASSERT_EQ(run.calls.size(), 1u);
  const RunCall& call = run.calls[0];
  EXPECT_EQ(call.model, "mini");
  EXPECT_EQ(call.provider, "openai");
  EXPECT_EQ(call.input_tokens, 8u);
  EXPECT_EQ(call.output_tokens, 9u);
  EXPECT_EQ(call.cost, 0.5);
  EXPECT_EQ(call.first_token, 843'129'000u);
  EXPECT_EQ(run.root, "r");
  EXPECT_EQ(run.spans, 5u);
  EXPECT_EQ(run.tools.at("search").count, 1u);
  EXPECT_EQ(run.agents.at("research").count, 1u);
}

TEST(RunInfoTest, ReadsTheConventionsNamesAsWell) {
  const RunInfo run = DescribeRun(TracesOf(Conventions()), "one");
  ASSERT_EQ(run.calls.size(), 2u);
  EXPECT_EQ(run.calls[0].input_tokens, 8u);
  EXPECT_EQ(run.calls[0].first_token, 843'129'000u);
  EXPECT_TRUE(run.calls[1].failed);
  ASSERT_EQ(run.failures.size(), 1u);
  EXPECT_EQ(run.failures[0].reason, "429");
}

TEST(RunInfoTest, TakesTheSpansOfTheRunAlone) {
  Records records = Gateway();
  Span(&records, 'z', 0, 0, 9).Text("vllora.run_id", "other").Text("model_name", "mini");
  EXPECT_EQ(DescribeRun(TracesOf(records), "one").calls.size(), 1u);
  EXPECT_EQ(DescribeRun(TracesOf(records), "none").spans, 0u);
}

TEST(RunInfoTest, MakesNothingOfWhatIsNoNumber) {
  Records records;
  Span(&records, 'r', 0, 0, 1000)
      .Text("vllora.run_id", "one")
      .Text("usage", R"({"input_tokens": -5, "output_tokens": "many"})")
      .Text("cost", "{")
      .Text("ttft", "soon");
  const RunInfo run = DescribeRun(TracesOf(records), "one");
  ASSERT_EQ(run.calls.size(), 1u);
  EXPECT_EQ(run.calls[0].input_tokens, 0u);
  EXPECT_EQ(run.calls[0].output_tokens, 0u);
  EXPECT_EQ(run.calls[0].cost, 0);
  EXPECT_FALSE(run.calls[0].first_token.has_value());
}

TEST(RunInfoTest, ShowsContentOnlyWhereItIsAskedFor) {
  const std::vector<Trace> traces = TracesOf(Gateway());
  const RunInfo run = DescribeRun(traces, "one");
  EXPECT_EQ(RenderRunInfo("one", run, false, {}).find("hello"), std::string::npos);
  EXPECT_NE(RenderRunInfo("one", run, true, {}).find("hello"), std::string::npos);
  EXPECT_EQ(RenderRunInfoJson("one", run, traces, false).find("hello"), std::string::npos);
  EXPECT_NE(RenderRunInfoJson("one", run, traces, true).find("hello"), std::string::npos);
}

}  // namespace
}  // namespace sluice::cli
