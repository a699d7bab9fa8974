#include "client/cli/look/trace_choice.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <cctype>
#include <utility>

#include "client/cli/trace/trace_builder.h"
#include "proto/trace/ids.h"

namespace sluice::cli {
namespace {

constexpr std::chrono::milliseconds kTraceTimeout{10'000};

bool IsHex(const std::string& text) {
  return std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) != 0; });
}

Failure NoSuchTrace(const TraceChoice& choice) {
  return {kExitNegative, choice.id.empty() ? "the journal holds no trace"
                                           : "the journal holds no trace " + choice.id};
}

}  // namespace

void AddTraceChoice(CLI::App& app, TraceChoice* choice) {
  app.add_option("ID", choice->id, "A trace id or its first digits, or a span id");
  app.add_flag("--last", choice->last, "The trace that began last");
  app.add_flag("--last-failed", choice->last_failed, "The last one in which something failed");
}

Result<v1::TraceSelector> SelectorOf(const TraceChoice& choice) {
  if (!choice.id.empty() + choice.last + choice.last_failed != 1) {
    return Failure{kExitUsage,
                   "write one of a trace id, --last and --last-failed; 'sluice traces' lists them"};
  }
  v1::TraceSelector selector;
  if (choice.last) selector.set_last(true);
  if (choice.last_failed) selector.set_last_failed(true);
  if (choice.id.empty()) return selector;
  const auto whole = TraceId::FromHex(choice.id);
  if (!IsHex(choice.id) || choice.id.size() > 2 * TraceId::kBytes || (whole && whole->IsZero())) {
    return Failure{kExitUsage, "invalid trace id '" + choice.id +
                                   "': expected 1 to 32 hexadecimal digits; 'sluice traces' lists "
                                   "them"};
  }
  selector.set_trace_id_prefix(choice.id);
  return selector;
}

Result<size_t> ReadTrace(AgentView* agent, const TraceChoice& choice, uint32_t limit,
                         const std::function<void(v1::StoredRecord*)>& on_record) {
  const Result<v1::TraceSelector> selector = SelectorOf(choice);
  if (!selector.ok()) return selector.failure();
  v1::RecordsRequest request;
  request.set_limit(limit);
  if (const auto trace_id = TraceId::FromHex(choice.id)) {
    request.set_trace_id(std::string(trace_id->raw()));
  } else {
    *request.mutable_select() = *selector;
  }
  Result<size_t> count = agent->Records(request, on_record);
  const auto span_id = SpanId::FromHex(choice.id);
  if (!count.ok() && count.failure().code == kExitNegative && span_id) {
    request.mutable_select()->set_span_id(std::string(span_id->raw()));
    count = agent->Records(request, on_record);
  }
  if (count.ok() && *count == 0) return NoSuchTrace(choice);
  return count;
}

Result<Trace> ReadTrace(AgentView* agent, const TraceChoice& choice) {
  TraceBuilder builder;
  const auto add = [&](v1::StoredRecord* record) { builder.Add(record); };
  const Result<size_t> count = ReadTrace(agent, choice, /*limit=*/0, add);
  if (!count.ok()) return count.failure();
  return std::move(builder).Finish();
}

Result<Trace> FetchTrace(const GlobalOptions& options, const TraceChoice& choice) {
  const Result<v1::TraceSelector> selector = SelectorOf(choice);
  if (!selector.ok()) return selector.failure();
  Result<AgentView> agent = AgentView::Open(options, options.timeout.value_or(kTraceTimeout));
  if (!agent.ok()) return agent.failure();
  Result<Trace> trace = ReadTrace(&*agent, choice);
  if (!trace.ok()) return trace;
  const Result<uint64_t> now = agent->Now();
  if (!now.ok()) return now.failure();
  trace->seen_unix_nano = *now;
  return trace;
}

}  // namespace sluice::cli
