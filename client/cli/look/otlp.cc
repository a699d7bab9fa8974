#include "client/cli/look/otlp.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <array>
#include <cstdio>

#include "client/cli/agent/agent_view.h"
#include "client/cli/render/message_json.h"
#include "client/cli/render/text.h"
#include "client/cli/verb.h"

namespace sluice::cli {
namespace {

// Of all destinations, each signal of which may take its own time-out.
constexpr std::chrono::milliseconds kTestTimeout{120'000};
constexpr std::chrono::milliseconds kRetryTimeout{5'000};

std::string Milliseconds(uint64_t nanos) {
  std::array<char, 32> text;
  const int size = std::snprintf(text.data(), text.size(), "%.1f ms", nanos / 1e6);
  return std::string(text.data(), static_cast<size_t>(size));
}

std::string_view WordOf(v1::ExportVerdict verdict) {
  switch (verdict) {
    case v1::EXPORT_VERDICT_OK:
      return "ok";
    case v1::EXPORT_VERDICT_REFUSED:
      return "refused";
    default:
      return "unreachable";
  }
}

// `otlp traces: connect https://collector:4317 (3.1 ms)`, and last `otlp traces: ok`.
std::string StepText(const v1::TestExportResponse& step) {
  std::string line = step.sink() + ' ' + step.signal() + ": ";
  if (step.step().empty()) {
    line += WordOf(step.verdict());
    if (!step.detail().empty()) line += ": " + step.detail();
  } else {
    line += step.step() + ' ' + step.detail() + " (" + Milliseconds(step.took_nano()) + ')';
  }
  return EscapeControls(line) + '\n';
}

ExitCode CodeOf(const std::vector<v1::TestExportResponse>& steps) {
  ExitCode code = kExitOk;
  for (const v1::TestExportResponse& step : steps) {
    if (step.verdict() == v1::EXPORT_VERDICT_UNREACHABLE) return kExitIo;
    if (step.verdict() == v1::EXPORT_VERDICT_REFUSED) code = kExitNegative;
  }
  return code;
}

int TestVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Has the agent connect to the destinations of its export and send an empty request of each\n"
      "signal. Prints each step and how long it took.",
      "sluice otlp test");
  v1::TestExportRequest request;
  bool span = false;
  AddGlobalOptions(app, &options);
  app.add_option("SINK", *request.mutable_sink(), "otlp or otlp.NAME. Default: all that are on");
  app.add_option("--endpoint", *request.mutable_endpoint(),
                 "Try this address, with the other settings unchanged")
      ->type_name("URL");
  app.add_flag("--span", span, "Also send a span named 'sluice otlp test'");
  app.footer(
      "Exit code 1: a destination refuses, 3: one cannot be reached. --timeout is 2m by default.\n"
      "Example:\n  sluice otlp test --endpoint https://collector.example:4317");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  request.set_span(span);

  Result<AgentView> agent = AgentView::OpenAdmin(options, options.timeout.value_or(kTestTimeout));
  if (!agent.ok()) return Fail(agent.failure());
  int printed = kExitOk;
  const auto steps = agent->TestExport(request, [&](const v1::TestExportResponse& step) {
    printed = Print(options.json ? MessageJson(step) : StepText(step));
    return printed == kExitOk;
  });
  if (printed != kExitOk) return printed;
  return steps.ok() ? CodeOf(*steps) : Fail(steps.failure());
}

int RetryVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Makes exports that wait for their next attempt try now, even if the destination asked for "
      "the\n"
      "wait. Prints which these are.",
      "sluice otlp retry");
  v1::RetryExportRequest request;
  AddGlobalOptions(app, &options);
  app.add_option("SINK", *request.mutable_sink(), "otlp or otlp.NAME. Default: all");
  app.footer("Example:\n  sluice otlp retry");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  Result<AgentView> agent = AgentView::OpenAdmin(options, options.timeout.value_or(kRetryTimeout));
  if (!agent.ok()) return Fail(agent.failure());
  const Result<v1::RetryExportResponse> response = agent->RetryExport(request);
  if (!response.ok()) return Fail(response.failure());
  if (options.json) return Print(MessageJson(*response));
  std::string lines;
  for (const std::string& sink : response->sinks()) lines += EscapeControls(sink) + '\n';
  return Print(lines.empty() ? "none waits\n" : lines);
}

constexpr std::array kOtlpVerbs = {
    Verb{"test", "Connect to the destinations, step by step", TestVerb},
    Verb{"retry", "Try again now instead of waiting", RetryVerb},
};

}  // namespace

int OtlpVerb(GlobalOptions options, std::vector<std::string> arguments) {
  const VerbGroup otlp{
      .name = "sluice otlp",
      .description = "Tests the export by OTLP, or retries it now. Needs the admin socket.",
      .verbs = kOtlpVerbs,
      .footer = "Example:\n  sluice otlp test\n",
      .version = {}};
  return Dispatch(otlp, std::move(options), std::move(arguments));
}

}  // namespace sluice::cli
