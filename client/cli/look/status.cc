#include "client/cli/look/status.h"

#include <CLI/App.hpp>

#include "client/cli/agent/agent_view.h"
#include "client/cli/agent/emit.h"
#include "client/cli/render/message_json.h"
#include "client/cli/render/status.h"
#include "client/cli/verb.h"

namespace sluice::cli {
namespace {

constexpr std::chrono::milliseconds kStatusTimeout{5'000};

}  // namespace

int StatusVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Shows the agent, its journal, its sinks, who is connected and what was dropped and why.\n"
      "Through the admin socket everything, else what concerns your own uid.",
      "sluice status");
  bool open_spans = false;
  bool is_quiet = false;
  AddViewOptions(app, &options);
  app.add_flag("--open", open_spans, "List the spans that have begun and not ended");
  app.add_flag("-q,--quiet", is_quiet, "Print nothing, only set the exit code");
  app.footer(
      "Exit code 1: the journal or a sink fails to write.\n"
      "Example:\n  sluice status --open");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  Result<AgentView> agent = AgentView::Open(options, options.timeout.value_or(kStatusTimeout));
  if (!agent.ok()) return Fail(agent.failure());
  const Result<v1::StatusResponse> status = agent->Status(open_spans);
  if (!status.ok()) return Fail(status.failure());
  const bool is_offline = status->as_of_unix_nano() != 0;
  const uint64_t now = is_offline ? status->as_of_unix_nano() : UnixNow();
  const StatusView view{
      .now_unix_nano = now, .whole_agent = agent->is_admin(), .style = TextStyle::OfStdout()};
  const int code = IsFailing(*status) ? kExitNegative : kExitOk;
  if (is_quiet) return code;
  std::string text = open_spans ? RenderOpenSpans(*status, view) : RenderStatus(*status, view);
  if (options.json) text = MessageJson(*status);
  const int printed = Print(text);
  return printed == kExitOk ? code : printed;
}

}  // namespace sluice::cli
