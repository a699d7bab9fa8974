#include "client/cli/render/run_info.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

#include "client/cli/render/json_writer.h"
#include "client/cli/render/table.h"
#include "client/cli/render/value.h"

namespace sluice::cli {
namespace {

struct Sums {
  size_t calls = 0;
  size_t failed = 0;
  uint64_t input_tokens = 0;
  uint64_t output_tokens = 0;
  double cost = 0;
  std::vector<uint64_t> first_tokens;

  void Add(const RunCall& call) {
    ++calls;
    failed += call.failed;
    input_tokens += call.input_tokens;
    output_tokens += call.output_tokens;
    cost += call.cost;
    if (call.first_token) first_tokens.push_back(*call.first_token);
  }
  // The one in the middle; nullopt: none is known.
  std::optional<uint64_t> MedianFirstToken() const {
    if (first_tokens.empty()) return std::nullopt;
    std::vector<uint64_t> sorted = first_tokens;
    std::ranges::nth_element(sorted, sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 2));
    return sorted[sorted.size() / 2];
  }
};

std::string Cost(double cost) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.6f", cost);
  return text.data();
}

std::string NameOf(const RunCall& call) {
  const std::string model = call.model.empty() ? "(no model)" : call.model;
  return call.provider.empty() ? model : call.provider + '/' + model;
}

Sums SumsOf(const RunInfo& run) {
  Sums sums;
  for (const RunCall& call : run.calls) sums.Add(call);
  return sums;
}

std::map<std::string, Sums> SumsByModel(const RunInfo& run) {
  std::map<std::string, Sums> by_model;
  for (const RunCall& call : run.calls) by_model[NameOf(call)].Add(call);
  return by_model;
}

std::string MaybeDuration(std::optional<uint64_t> nanoseconds) {
  return nanoseconds ? FormatDuration(*nanoseconds) : "";
}

Table RunTable(const std::string& run_id, const RunInfo& run) {
  const Sums sums = SumsOf(run);
  Table table("Run");
  table.Row({"id", run_id});
  table.Row({"root", run.root});
  table.Row({"start", FormatTime(run.begin_unix_nano)});
  const bool has_length = run.begin_unix_nano != 0 && run.end_unix_nano > run.begin_unix_nano;
  table.Row({"took", run.is_open  ? "open"
                     : has_length ? FormatDuration(run.end_unix_nano - run.begin_unix_nano)
                                  : "-"});
  table.Row({"spans", std::to_string(run.spans)});
  table.Row({"calls", std::to_string(sums.calls) +
                          (sums.failed > 0 ? ", " + std::to_string(sums.failed) + " failed" : "")});
  table.Row({"tokens", std::to_string(sums.input_tokens) + " in, " +
                           std::to_string(sums.output_tokens) + " out"});
  table.Row({"cost", Cost(sums.cost)});
  if (const auto first = sums.MedianFirstToken()) {
    table.Row({"first token", FormatDuration(*first) + " (median)"});
  }
  return table;
}

Table ModelTable(const RunInfo& run) {
  Table table("Models");
  if (!run.calls.empty()) {
    table.Row({"NAME", "CALLS", "FAILED", "IN", "OUT", "COST", "FIRST TOKEN"});
  }
  for (const auto& [name, sums] : SumsByModel(run)) {
    table.Row({name, std::to_string(sums.calls), std::to_string(sums.failed),
               std::to_string(sums.input_tokens), std::to_string(sums.output_tokens),
               Cost(sums.cost), MaybeDuration(sums.MedianFirstToken())});
  }
  return table;
}

Table UsesTable(std::string heading, const std::map<std::string, RunInfo::Uses>& uses) {
  Table table(std::move(heading));
  for (const auto& [name, use] : uses) {
    table.Row({name, std::to_string(use.count),
               use.failed > 0 ? std::to_string(use.failed) + " failed" : ""});
  }
  return table;
}

Table FailureTable(const RunInfo& run, const TextStyle& style) {
  Table table("Failed");
  for (const RunFailure& failure : run.failures) {
    table.Row({failure.span, failure.reason});
    if (style.color) table.PaintLast(0, kRed);
  }
  return table;
}

std::string ContentText(const RunInfo& run, const TextStyle& style) {
  std::string out;
  for (const RunCall& call : run.calls) {
    out += '\n' + Painted(kBold, EscapeControls(NameOf(call)), style) + '\n';
    out += Fold("in: " + EscapeControls(call.input), 2, style) + '\n';
    out += Fold("out: " + EscapeControls(call.output), 2, style) + '\n';
  }
  return out;
}

void TextMember(std::string_view key, std::string_view text, JsonWriter* json) {
  json->Key(key);
  json->String(text);
}

void NumberMember(std::string_view key, uint64_t number, JsonWriter* json) {
  json->Key(key);
  json->Uint(number);
}

void WriteCall(const RunCall& call, const Trace& trace, bool with_content, JsonWriter* json) {
  json->BeginObject();
  TextMember("trace_id", ToHex(trace.trace_id), json);
  TextMember("span_id", trace.spans[call.span].id.ToHex(), json);
  TextMember("model", call.model, json);
  TextMember("provider", call.provider, json);
  NumberMember("input_tokens", call.input_tokens, json);
  NumberMember("output_tokens", call.output_tokens, json);
  json->Key("cost");
  json->Double(call.cost);
  if (call.duration) NumberMember("duration_ns", *call.duration, json);
  if (call.first_token) NumberMember("first_token_ns", *call.first_token, json);
  json->Key("failed");
  json->Bool(call.failed);
  if (with_content) {
    TextMember("input", call.input, json);
    TextMember("output", call.output, json);
  }
  json->EndObject();
}

void WriteUses(std::string_view key, const std::map<std::string, RunInfo::Uses>& uses,
               JsonWriter* json) {
  json->Key(key);
  json->BeginArray();
  for (const auto& [name, use] : uses) {
    json->BeginObject();
    TextMember("name", name, json);
    NumberMember("count", use.count, json);
    NumberMember("failed", use.failed, json);
    json->EndObject();
  }
  json->EndArray();
}

}  // namespace

std::string RenderRunInfo(const std::string& run_id, const RunInfo& run, bool with_content,
                          const TextStyle& style) {
  std::string out = RunTable(run_id, run).RenderFolded(style);
  for (const Table& table : {ModelTable(run), UsesTable("Tools", run.tools),
                             UsesTable("Agents", run.agents), FailureTable(run, style)}) {
    if (!table.empty()) out += '\n' + table.RenderFolded(style);
  }
  return with_content ? out + ContentText(run, style) : out;
}

std::string RenderRunInfoJson(const std::string& run_id, const RunInfo& run,
                              const std::vector<Trace>& traces, bool with_content) {
  const Sums sums = SumsOf(run);
  JsonWriter json;
  json.BeginObject();
  TextMember("run_id", run_id, &json);
  TextMember("root", run.root, &json);
  TextMember("start_unix_nano", std::to_string(run.begin_unix_nano), &json);
  TextMember("end_unix_nano", run.is_open ? "0" : std::to_string(run.end_unix_nano), &json);
  NumberMember("spans", run.spans, &json);
  NumberMember("input_tokens", sums.input_tokens, &json);
  NumberMember("output_tokens", sums.output_tokens, &json);
  json.Key("cost");
  json.Double(sums.cost);
  json.Key("calls");
  json.BeginArray();
  for (const RunCall& call : run.calls) WriteCall(call, traces[call.trace], with_content, &json);
  json.EndArray();
  WriteUses("tools", run.tools, &json);
  WriteUses("agents", run.agents, &json);
  json.Key("failures");
  json.BeginArray();
  for (const RunFailure& failure : run.failures) {
    json.BeginObject();
    TextMember("span", failure.span, &json);
    TextMember("reason", failure.reason, &json);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return json.Finish();
}

}  // namespace sluice::cli
