#include "client/cli/look/plot.h"

#include <CLI/App.hpp>

#include "client/cli/look/output_file.h"
#include "client/cli/look/trace_choice.h"
#include "client/cli/render/plot.h"
#include "client/cli/verb.h"

namespace sluice::cli {

int PlotVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Draws one trace as a waterfall: one HTML page that needs nothing else, to open in a browser "
      "or\n"
      "to attach to a ticket.",
      "sluice plot");
  TraceChoice choice;
  std::string path;
  AddViewOptions(app, &options);
  AddTraceChoice(app, &choice);
  app.add_option("-o,--output", path, "To this file instead of stdout")->type_name("FILE");
  app.footer(
      "Exit code 1: the journal holds no such trace.\n"
      "Example:\n  sluice plot --last-failed -o boot.html");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  const Result<Trace> trace = FetchTrace(options, choice);
  if (!trace.ok()) return Fail(trace.failure());
  return WriteOutput(path, [&](const TextSink& out) { RenderPlot(*trace, out); });
}

}  // namespace sluice::cli
