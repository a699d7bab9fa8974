#include "client/cli/look/why.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <optional>

#include "client/cli/kvp/pool_image.h"
#include "client/cli/look/trace_choice.h"
#include "client/cli/render/message_json.h"
#include "client/cli/render/status.h"
#include "client/cli/render/value.h"
#include "client/cli/render/why.h"
#include "client/cli/verb.h"
#include "proto/kvp/key.h"
#include "proto/record/names.h"

namespace sluice::cli {
namespace {

constexpr std::chrono::milliseconds kWhyTimeout{10'000};
// Failed traces of a boot that are told; `sluice traces --failed` lists all.
constexpr uint32_t kMaxTraces = 3;
constexpr int kMaxOpenSpans = 10;

// What the agent can say beside one trace.
struct Circumstances {
  v1::StatusResponse status;
  // The provisioning report in the pool; empty: there is none, or it may not be read.
  std::string report;

  std::vector<v1::Counter> Drops() const;
};

struct Explained {
  Trace trace;
  TraceWhy why;
};

// But for what no sink and no view wants.
std::vector<v1::Counter> Circumstances::Drops() const {
  std::vector<v1::Counter> drops;
  for (const v1::Counter& counter : status.counters()) {
    if (counter.value() == 0 || !IsDrop(counter) || counter.reason() == kUnwantedLevel) continue;
    drops.push_back(counter);
  }
  return drops;
}

std::string ReadReport(AgentView* agent) {
  if (!agent->is_admin()) return {};
  const Result<std::string> pool = agent->DumpPool();
  if (!pool.ok()) return {};  // the pool is off, or not there
  const kvp::PoolImage image(*pool);
  std::string report;
  for (size_t i = 0; i < image.size(); ++i) {
    const auto record = image.record(i);
    if (record.key == kvp::kReportKey) report = record.value;
  }
  return report;
}

Result<Circumstances> ReadCircumstances(AgentView* agent) {
  const Result<v1::StatusResponse> status = agent->Status(/*open_spans=*/true);
  if (!status.ok()) return status.failure();
  return Circumstances{*status, ReadReport(agent)};
}

Result<Explained> Explain(AgentView* agent, const TraceChoice& choice) {
  Result<Trace> trace = ReadTrace(agent, choice);
  if (!trace.ok()) return trace.failure();
  TraceWhy why = ExplainTrace(*trace);
  return Explained{std::move(*trace), std::move(why)};
}

// Those that failed in this boot.
Result<std::vector<Explained>> ExplainBoot(AgentView* agent, const std::string& boot_id) {
  v1::TracesRequest request;
  request.set_boot_id(boot_id);
  request.set_failed(true);
  request.set_limit(kMaxTraces);
  const Result<v1::TracesResponse> traces = agent->Traces(request);
  if (!traces.ok()) return traces.failure();
  std::vector<Explained> explained;
  for (const v1::TraceSummary& trace : traces->traces()) {
    Result<Explained> one = Explain(agent, {.id = ToHex(trace.trace_id())});
    if (!one.ok()) return one.failure();
    explained.push_back(std::move(*one));
  }
  return explained;
}

// Of traces that are not told already; the oldest first.
std::vector<v1::OpenSpan> OpenElsewhere(const Circumstances& circumstances,
                                        const std::vector<Explained>& explained) {
  std::vector<v1::OpenSpan> open;
  for (const v1::OpenSpan& span : circumstances.status.open_spans()) {
    const bool is_told = std::ranges::any_of(
        explained, [&](const Explained& one) { return one.trace.trace_id == span.trace_id(); });
    if (!is_told) open.push_back(span);
  }
  std::ranges::sort(open, {}, &v1::OpenSpan::start_time_unix_nano);
  return open;
}

std::string OpenText(const std::vector<v1::OpenSpan>& open, uint64_t now, const TextStyle& style) {
  std::string out;
  for (const v1::OpenSpan& span : open) {
    if (&span == &open.front()) out += "\nnot ended:\n";
    if (&span - open.data() == kMaxOpenSpans) {
      return out + "  and " + std::to_string(open.size() - kMaxOpenSpans) +
             " more; 'sluice status --open' lists them\n";
    }
    std::string line =
        EscapeControls(span.name()) + " since " + FormatTimeOfDay(span.start_time_unix_nano());
    if (now > span.start_time_unix_nano() && span.start_time_unix_nano() != 0) {
      line += " (" + FormatDuration(now - span.start_time_unix_nano()) + ")";
    }
    line += "; uid " + std::to_string(span.identity().uid()) + ", pid " +
            std::to_string(span.identity().pid()) + "; trace " + ToHex(span.trace_id());
    out += Fold(line, 2, style) + '\n';
  }
  return out;
}

std::string CircumstancesText(const Circumstances& circumstances, const TextStyle& style) {
  std::string out;
  if (!circumstances.report.empty()) {
    out +=
        '\n' + Fold("the host was told: " + EscapeControls(circumstances.report), 0, style) + '\n';
  }
  const std::vector<v1::Counter> drops = circumstances.Drops();
  if (!drops.empty()) out += "\ndropped since the agent started:\n";
  for (const v1::Counter& counter : drops) {
    std::string line = std::to_string(counter.value()) + "  " + counter.name();
    if (!counter.reason().empty()) line += ' ' + counter.reason();
    if (counter.has_uid()) line += " of uid " + std::to_string(counter.uid());
    out += Fold(EscapeControls(line), 2, style) + '\n';
  }
  return out;
}

std::string Json(const std::vector<Explained>& explained, const std::vector<v1::OpenSpan>& open,
                 const Circumstances& circumstances) {
  JsonWriter json;
  json.BeginObject();
  json.Key("traces");
  json.BeginArray();
  for (const Explained& one : explained) WriteWhy(one.trace, one.why, &json);
  json.EndArray();
  json.Key("open");
  json.BeginArray();
  for (const v1::OpenSpan& span : open) WriteMessage(span, &json);
  json.EndArray();
  json.Key("report");
  json.String(circumstances.report);
  json.Key("dropped");
  json.BeginArray();
  for (const v1::Counter& counter : circumstances.Drops()) WriteMessage(counter, &json);
  json.EndArray();
  json.EndObject();
  return json.Finish();
}

}  // namespace

int WhyVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Says what went wrong in a trace, or without one in this boot: what failed first and within\n"
      "what, what happened around it, what has not ended, what the host was told, what was "
      "dropped.",
      "sluice why");
  TraceChoice choice;
  AddViewOptions(app, &options);
  AddTraceChoice(app, &choice);
  app.footer(
      "Exit code 1: there is no such trace, or nothing failed and nothing is open.\n"
      "Examples:\n  sluice why\n  sluice why --last-failed");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  if (!choice.empty()) {
    if (const auto selector = SelectorOf(choice); !selector.ok()) return Fail(selector.failure());
  }

  Result<AgentView> agent = AgentView::Open(options, options.timeout.value_or(kWhyTimeout));
  if (!agent.ok()) return Fail(agent.failure());
  const Result<Circumstances> circumstances = ReadCircumstances(&*agent);
  if (!circumstances.ok()) return Fail(circumstances.failure());
  std::vector<Explained> explained;
  std::vector<v1::OpenSpan> open;
  if (choice.empty()) {
    Result<std::vector<Explained>> boot = ExplainBoot(&*agent, circumstances->status.boot_id());
    if (!boot.ok()) return Fail(boot.failure());
    explained = std::move(*boot);
    open = OpenElsewhere(*circumstances, explained);
  } else {
    Result<Explained> one = Explain(&*agent, choice);
    if (!one.ok()) return Fail(one.failure());
    explained.push_back(std::move(*one));
  }
  const bool is_well = open.empty() && std::ranges::all_of(explained, [](const Explained& one) {
                         return one.why.empty();
                       });

  const Result<uint64_t> read_at = agent->Now();
  if (!read_at.ok()) return Fail(read_at.failure());
  const uint64_t now = *read_at;
  const TextStyle style = TextStyle::OfStdout();
  std::string text;
  if (options.json) {
    text = Json(explained, open, *circumstances);
  } else {
    for (const Explained& one : explained) {
      if (!text.empty()) text += '\n';
      text += RenderWhy(one.trace, one.why, now, style);
    }
    if (explained.empty()) text = "no trace of this boot failed\n";
    text += OpenText(open, now, style) + CircumstancesText(*circumstances, style);
  }
  const int printed = Print(text);
  return printed == kExitOk && is_well ? kExitNegative : printed;
}

}  // namespace sluice::cli
