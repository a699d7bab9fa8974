#include "client/cli/look/tree.h"

#include <CLI/App.hpp>
#include <optional>

#include "client/cli/look/filter_flags.h"
#include "client/cli/look/trace_choice.h"
#include "client/cli/render/tree.h"
#include "client/cli/render/tree_json.h"
#include "client/cli/verb.h"
#include "client/cli/when.h"

namespace sluice::cli {
namespace {

// So many siblings that are alike are one row.
constexpr size_t kJoinFrom = 5;

struct TreeFlags {
  std::string min;
  std::optional<size_t> depth;
  std::string level;
  bool all = false;
  bool verbose = false;
};

void AddFlags(CLI::App& app, TreeFlags* flags) {
  app.add_flag("-v,--verbose", flags->verbose, "Also the attributes of spans, and their own time");
  app.add_option("--min", flags->min, "Leave out spans that took less and went well")
      ->type_name("TIME");
  app.add_option("--depth", flags->depth, "Leave out what is nested deeper; a root has depth 0")
      ->type_name("N");
  app.add_option("-p,--level", flags->level, "Only events of this level and more severe")
      ->type_name("LEVEL");
  app.add_flag("-a,--all", flags->all, "Each span on a line, however many are alike");
}

Result<TreeOptions> OptionsOf(const TreeFlags& flags) {
  TreeOptions options;
  options.is_verbose = flags.verbose;
  options.limits.join_from = flags.all ? 0 : kJoinFrom;
  if (flags.depth) options.limits.max_depth = *flags.depth;
  if (!flags.min.empty()) {
    const auto length = ParseLength(flags.min);
    if (!length) {
      return Failure{kExitUsage, "invalid --min '" + flags.min +
                                     "': expected a length of time such as 5ms or 2s"};
    }
    options.limits.min_nano = *length;
  }
  if (!flags.level.empty()) {
    const Result<v1::Level> level = LevelFlag(flags.level);
    if (!level.ok()) return level.failure();
    options.limits.level = *level;
  }
  return options;
}

}  // namespace

int TreeVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Shows one trace as a tree: who called what, when it began and how long it took, what "
      "failed.",
      "sluice tree");
  TraceChoice choice;
  TreeFlags flags;
  AddViewOptions(app, &options);
  AddTraceChoice(app, &choice);
  AddFlags(app, &flags);
  app.footer(
      "Exit code 1: the journal holds no such trace.\n"
      "Examples:\n  sluice tree --last -v\n  sluice tree 4bf92f35 --min 10ms --depth 3");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  Result<TreeOptions> tree_options = OptionsOf(flags);
  if (!tree_options.ok()) return Fail(tree_options.failure());
  const Result<Trace> trace = FetchTrace(options, choice);
  if (!trace.ok()) return Fail(trace.failure());
  tree_options->now_unix_nano = trace->seen_unix_nano;
  return PrintBy([&](const TextSink& out) {
    if (options.json) return RenderTreeJson(*trace, out);
    RenderTree(*trace, *tree_options, TextStyle::OfStdout(), out);
  });
}

}  // namespace sluice::cli
