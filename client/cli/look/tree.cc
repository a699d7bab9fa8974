#include "client/cli/look/tree.h"

#include <CLI/App.hpp>

#include "client/cli/look/trace_choice.h"
#include "client/cli/render/tree.h"
#include "client/cli/render/tree_json.h"
#include "client/cli/verb.h"

namespace sluice::cli {
int TreeVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app("Shows one trace as a tree: who called what, how long it took, what failed.",
               "sluice tree");
  TraceChoice choice;
  AddGlobalOptions(app, &options);
  AddTraceChoice(app, &choice);
  app.footer(
      "Exit code 1: the journal holds no such trace.\n"
      "Examples:\n  sluice tree --last\n  sluice tree 4bf92f35 --json");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  const Result<Trace> trace = FetchTrace(options, choice);
  if (!trace.ok()) return Fail(trace.failure());
  const std::string text =
      options.json ? RenderTreeJson(*trace) : RenderTree(*trace, TextStyle::OfStdout());
  return Print(text);
}

}  // namespace sluice::cli
