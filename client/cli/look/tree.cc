#include "client/cli/look/tree.h"

#include <CLI/App.hpp>

#include "client/cli/agent/agent_view.h"
#include "client/cli/look/trace_choice.h"
#include "client/cli/render/tree.h"
#include "client/cli/render/tree_json.h"
#include "client/cli/verb.h"

namespace sluice::cli {
namespace {

constexpr std::chrono::milliseconds kTreeTimeout{10'000};

}  // namespace

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

  const Result<v1::TraceSelector> selector = SelectorOf(choice);
  if (!selector.ok()) return Fail(selector.failure());
  Result<AgentView> agent =
      AgentView::Open(ResolveSockets(options), options.timeout.value_or(kTreeTimeout));
  if (!agent.ok()) return Fail(agent.failure());
  const Result<std::vector<v1::StoredRecord>> records = ReadTrace(&*agent, choice);
  if (!records.ok()) return Fail(records.failure());
  const Trace trace = BuildTrace(*records);
  const std::string text =
      options.json ? RenderTreeJson(trace) : RenderTree(trace, TextStyle::OfStdout());
  return Print(text);
}

}  // namespace sluice::cli
