#include "client/cli/look/blame.h"

#include <CLI/App.hpp>

#include "client/cli/look/trace_choice.h"
#include "client/cli/render/blame.h"
#include "client/cli/verb.h"

namespace sluice::cli {

int BlameVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Shows which spans took the time of a trace. What a span waited for spans within it is "
      "theirs:\n"
      "SELF is what is left, so that it adds up where nothing ran side by side.",
      "sluice blame");
  TraceChoice choice;
  std::string by;
  size_t count = 20;
  AddViewOptions(app, &options);
  AddTraceChoice(app, &choice);
  app.add_option("--by", by, "name: one row for all spans of one name and service")
      ->type_name("name")
      ->check(CLI::IsMember({"name"}));
  app.add_option("-n,--lines", count, "The first N")->type_name("N")->capture_default_str();
  app.footer(
      "Exit code 1: the journal holds no such trace.\n"
      "Examples:\n  sluice blame --last\n  sluice blame 4bf92f35 --by name -n 5");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  const Result<Trace> trace = FetchTrace(options, choice);
  if (!trace.ok()) return Fail(trace.failure());
  const Blame blame = BlameOf(*trace, !by.empty(), trace->seen_unix_nano);
  return PrintBy([&](const TextSink& out) {
    if (options.json) return RenderBlameJson(*trace, blame, count, out);
    RenderBlame(*trace, blame, count, TextStyle::OfStdout(), out);
  });
}

}  // namespace sluice::cli
