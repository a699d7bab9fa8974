#include "client/cli/look/tree.h"

#include <CLI/App.hpp>

#include "client/cli/agent/agent_view.h"
#include "client/cli/render/tree.h"
#include "client/cli/render/tree_json.h"
#include "client/cli/verb.h"
#include "proto/trace/ids.h"

namespace sluice::cli {
namespace {

constexpr std::chrono::milliseconds kTreeTimeout{10'000};

Result<v1::RecordsRequest> MakeRecordsRequest(const std::string& trace_id, bool last) {
  if (last == !trace_id.empty()) {
    return Failure{kExitUsage, "write either a trace id or --last"};
  }
  v1::RecordsRequest request;
  request.set_last_trace(last);
  if (last) return request;
  const auto id = TraceId::FromHex(trace_id);
  if (!id || id->IsZero()) {
    return Failure{kExitUsage,
                   "'" + trace_id + "' is no trace id, which has 32 hexadecimal digits"};
  }
  request.set_trace_id(std::string(id->raw()));
  return request;
}

}  // namespace

int TreeVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app("Shows one trace as a tree: who called what, how long it took, what failed.",
               "sluice tree");
  std::string trace_id;
  bool last = false;
  AddGlobalOptions(app, &options);
  app.add_option("TRACE_ID", trace_id, "32 hexadecimal digits");
  app.add_flag("--last", last, "The trace that began last");
  app.footer(
      "Exit code 1: the journal holds no such trace.\n"
      "Examples:\n  sluice tree --last\n  sluice tree 4bf92f3577b34da6a3ce929d0e0e4736 --json");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  const Result<v1::RecordsRequest> request = MakeRecordsRequest(trace_id, last);
  if (!request.ok()) return Fail(request.failure());
  Result<AgentView> agent =
      AgentView::Open(ResolveSockets(options), options.timeout.value_or(kTreeTimeout));
  if (!agent.ok()) return Fail(agent.failure());
  const Result<std::vector<v1::StoredRecord>> records = agent->Records(*request);
  if (!records.ok()) return Fail(records.failure());
  if (records->empty()) {
    return Fail({kExitNegative,
                 last ? "the journal holds no trace" : "the journal holds no trace " + trace_id});
  }
  const Trace trace = BuildTrace(*records);
  const std::string text =
      options.json ? RenderTreeJson(trace) : RenderTree(trace, TextStyle::OfStdout());
  return Print(text);
}

}  // namespace sluice::cli
