// An AI agent's run with all its kinds of spans, below a span of the application's own.
//
//   agent_trace [--otlp-endpoint URL] [--verbose]          SLUICE_CONSOLE=1 agent_trace
//
// With --otlp-endpoint it starts an agent of its own, which sends everything there. --verbose
// prints spans and events on stderr as well. Ends with 0 once the agent, or that endpoint, has
// everything.
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>

#include "own_agent.h"
#include "sluice/ai.hpp"
#include "sluice/coroutine.h"
#include "sluice/sluice.hpp"

namespace {

namespace ai = sluice::ai;
using std::chrono::milliseconds;

constexpr const char* kModel =
    R"({"name":"gpt-4","provider_name":"openai","engine_name":"openai","model_params":{"engine":{"OpenAi":{"params":{"temperature":0.7}}},"provider_name":"openai"},"model_name":"gpt-4","tools":[],"model_type":"completions"})";
constexpr const char* kRequest =
    R"({"messages":[{"role":"user","content":"Hello"}],"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true}})";
constexpr const char* kRawUsage =
    R"({"prompt_tokens":8,"completion_tokens":9,"total_tokens":17,"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0},"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0}})";

// The context goes with a task wherever it goes on.
struct OtherThread {
  milliseconds time;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> coroutine) const {
    std::thread([coroutine, time = time] {
      std::this_thread::sleep_for(time);
      coroutine.resume();
    }).detach();
  }
  void await_resume() const {}
};

sluice::Task<> RunTool() {
  ai::Tool tool("search_web", {R"({"tool_type": "function"})"});
  SLUICE_INFO("searching");
  tool.SetArguments("search query: Paris");
  co_await OtherThread{milliseconds(50)};
  tool.SetResult("Search results...");
}

sluice::Task<> CallOpenAi() {
  ai::Model openai("openai", {.target = "vllora::user_tracing::openai",
                              .request_model = "gpt-4o-mini",
                              .tags = {R"({"provider": "openai"})"}});
  openai.SetRequest(kRequest);
  openai.SetInput(R"([{"role":"user","content":"Hello"}])");
  openai.SetUsage({.input_tokens = 8, .output_tokens = 9});
  openai.SetRawUsage({kRawUsage});
  openai.SetCost(6.600000262260437e-06);
  openai.SetOutput(R"({"object":"chat.completion","choices":[{"index":0,"message":{"content":)"
                   R"("Hello! How can I assist you today?","role":"assistant"}}]})");
  co_await OtherThread{milliseconds(100)};
  ai::Current().SetTtft(843129);
  co_await RunTool();
}

sluice::Task<> CallModel() {
  ai::ModelCall call({.input = "{}",
                      .model = {kModel},
                      .provider_name = "openai",
                      .model_name = "gpt-4",
                      .inference_model_name = "gpt-4",
                      .credentials_identifier = "own",
                      .tags = {R"({"model_type": "completion"})"}});
  call.SetInput("What is the capital of France?");
  call.SetOutput("The capital of France is Paris.");
  call.SetUsage(sluice::Json{R"({"input_tokens": 10, "output_tokens": 8, "total_tokens": 18})"});
  call.SetCost(sluice::Json{
      R"({"cost":0.000301,"per_input_token":1.0,"per_cached_input_token":0.5,"per_cached_input_write_token":0.0,"per_output_token":3.0,"is_cache_used":false})"});
  call.SetTtft(150);
  co_await CallOpenAi();
}

sluice::Task<> Run() {
  const ai::Run run({R"({"environment": "example"})"});
  const ai::Agent agent("research_assistant");
  const ai::Task task("gather_information");
  const ai::Thread thread({R"({"user_id": "user123", "session_id": "session456"})"});
  co_await CallModel();
}

std::string RandomId() {
  std::random_device random;
  char id[33];
  std::snprintf(id, sizeof(id), "%08x%08x%08x%08x", random(), random(), random(), random());
  return id;
}

void RunWith(const sluice::Context& context) {
  sluice::Instrument(
      Run(), sluice::Span::Detached("execution", {{"execution_id", 123}},
                                    {.target = "app::runtime::execution", .parent = context}))
      .Wait();
}

struct Arguments {
  std::string endpoint;  // empty: the machine's agent knows where
  bool is_verbose = false;
};

std::optional<Arguments> Parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--verbose") {
      arguments.is_verbose = true;
    } else if (argument == "--otlp-endpoint" && i + 1 < argc) {
      arguments.endpoint = argv[++i];
    } else {
      return std::nullopt;
    }
  }
  return arguments;
}

int Fail(const char* why, int code) {
  std::fprintf(stderr, "agent_trace: %s\n", why);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<Arguments> arguments = Parse(argc, argv);
  if (!arguments) return Fail("usage: agent_trace [--otlp-endpoint URL] [--verbose]", 2);
  if (arguments->is_verbose) setenv("SLUICE_STDERR", "debug", 0);
  std::optional<OwnAgent> agent;
  if (!arguments->endpoint.empty()) {
    agent.emplace(arguments->endpoint, arguments->is_verbose);
    if (!agent->is_up()) return Fail("cannot start sluiced; --verbose shows why", 1);
  }
  sluice::Init({.service_name = "agent_trace", .baggage_keys = "vllora.*"});
  ai::Configure({.content_bytes = 16 * 1024});

  RunWith(sluice::Context()
              .WithBaggage("vllora.run_id", RandomId())
              .WithBaggage("vllora.thread_id", RandomId())
              .WithBaggage("vllora.tenant", "default"));
  if (!agent) return sluice::Flush(milliseconds(500)) ? 0 : 1;
  if (sluice::Flush(std::chrono::seconds(10), {"otlp"})) return 0;
  return Fail("the endpoint does not have everything", 1);
}
