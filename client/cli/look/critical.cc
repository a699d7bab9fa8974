#include "client/cli/look/critical.h"

#include <CLI/App.hpp>

#include "client/cli/look/trace_choice.h"
#include "client/cli/render/blame.h"
#include "client/cli/verb.h"

namespace sluice::cli {

int CriticalVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Shows what a trace had to wait for: the chain of spans from its beginning to its end, "
      "across\n"
      "processes, through children and links. Only what is on it makes the trace end sooner when "
      "it\n"
      "gets faster.",
      "sluice critical");
  TraceChoice choice;
  AddViewOptions(app, &options);
  AddTraceChoice(app, &choice);
  app.footer(
      "Exit code 1: the journal holds no such trace, or no times of it.\n"
      "Example:\n  sluice critical --last");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  const Result<Trace> trace = FetchTrace(options, choice);
  if (!trace.ok()) return Fail(trace.failure());
  const std::vector<CriticalStep> path = CriticalPath(*trace, trace->seen_unix_nano);
  if (path.empty()) {
    return Fail({kExitNegative, "no span of this trace has both a start and an end"});
  }
  return PrintBy([&](const TextSink& out) {
    if (options.json) return RenderCriticalPathJson(*trace, path, out);
    RenderCriticalPath(*trace, path, TextStyle::OfStdout(), out);
  });
}

}  // namespace sluice::cli
