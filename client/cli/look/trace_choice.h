// The arguments that say which trace a view is about, and getting it from the agent.
#pragma once

#include <functional>
#include <string>

#include "client/cli/agent/agent_view.h"
#include "client/cli/exit_code.h"
#include "client/cli/options.h"
#include "client/cli/trace/trace.h"
#include "sluice/v1/query.pb.h"

namespace CLI {
class App;
}

namespace sluice::cli {

struct TraceChoice {
  std::string id;  // a trace id, its first digits, or a span id
  bool last = false;
  bool last_failed = false;

  bool empty() const { return id.empty() && !last && !last_failed; }
};

// Adds ID, --last and --last-failed. `choice` outlives `app`.
void AddTraceChoice(CLI::App& app, TraceChoice* choice);

// Of `choice`, which names one. Fails with kExitUsage where it names none, several or no id.
Result<v1::TraceSelector> SelectorOf(const TraceChoice& choice);

// Gives `on_record` each record of the trace, the oldest first; the newest `limit` of them, 0 for
// all. At least one: fails with kExitNegative where there is no such trace, kExitUsage where
// several begin so.
Result<size_t> ReadTrace(AgentView* agent, const TraceChoice& choice, uint32_t limit,
                         const std::function<void(v1::StoredRecord*)>& on_record);

// The trace put together out of all of them.
Result<Trace> ReadTrace(AgentView* agent, const TraceChoice& choice);
// The same from the agent that `options` name.
Result<Trace> FetchTrace(const GlobalOptions& options, const TraceChoice& choice);

}  // namespace sluice::cli
