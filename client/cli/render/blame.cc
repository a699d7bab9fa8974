#include "client/cli/render/blame.h"

#include <algorithm>

#include "client/cli/render/json_writer.h"
#include "client/cli/render/table.h"
#include "client/cli/render/value.h"
#include "client/cli/render/why.h"

namespace sluice::cli {
namespace {

std::string DurationOrNothing(uint64_t nanoseconds) {
  return nanoseconds == 0 ? "" : FormatDuration(nanoseconds);
}

// Rows of one column left out where nothing stands in it.
Table WithoutEmptyColumns(const std::vector<std::vector<std::string>>& rows) {
  Table table("");
  std::vector<bool> is_used(rows.front().size());
  for (size_t row = 1; row < rows.size(); ++row) {
    for (size_t i = 0; i < is_used.size(); ++i) is_used[i] = is_used[i] || !rows[row][i].empty();
  }
  for (const std::vector<std::string>& row : rows) {
    std::vector<std::string> cells;
    for (size_t i = 0; i < row.size(); ++i) {
      if (is_used[i]) cells.push_back(row[i]);
    }
    table.Row(std::move(cells));
  }
  return table;
}

}  // namespace

std::string RenderBlame(const Blame& blame, size_t count, const TextStyle& style) {
  std::vector<std::vector<std::string>> rows = {
      {"SELF", "IN CHILDREN", "TOTAL", "COUNT", "NAME", "", "SERVICE"}};
  for (size_t i = 0; i < std::min(count, blame.rows.size()); ++i) {
    const BlameRow& row = blame.rows[i];
    rows.push_back({FormatDuration(row.self), DurationOrNothing(row.in_children()),
                    FormatDuration(row.total), row.count > 1 ? std::to_string(row.count) : "",
                    row.name.empty() ? "(no name)" : row.name, row.is_open ? "open" : "",
                    row.service_name});
  }
  std::string out;
  if (rows.size() > 1) out = WithoutEmptyColumns(rows).RenderWithin(style, {3, 4, 5, 6});
  if (rows.size() <= blame.rows.size()) {
    out += std::to_string(blame.rows.size() + 1 - rows.size()) + " more; -n shows them\n";
  }
  if (blame.without_times > 0) {
    out += std::to_string(blame.without_times) + " more without a start or an end\n";
  }
  return out;
}

std::string RenderBlameJson(const Trace& trace, const Blame& blame, size_t count) {
  JsonWriter json;
  json.BeginArray();
  for (size_t i = 0; i < std::min(count, blame.rows.size()); ++i) {
    const BlameRow& row = blame.rows[i];
    json.BeginObject();
    json.Key("name");
    json.String(row.name);
    json.Key("service_name");
    json.String(row.service_name);
    json.Key("span_id");
    json.String(ToHex(trace.spans[row.span].span.span_id()));
    json.Key("count");
    json.Uint(row.count);
    json.Key("self_ns");
    json.Uint(row.self);
    json.Key("total_ns");
    json.Uint(row.total);
    json.Key("open");
    json.Bool(row.is_open);
    json.EndObject();
  }
  json.EndArray();
  return json.Finish();
}

std::string StepName(const Trace& trace, const CriticalStep& step) {
  std::string name = step.span ? SpanName(trace.spans[*step.span]) : "(no span ran)";
  const bool is_open = step.span && trace.spans[*step.span].state == TraceSpan::State::kOpen;
  if (is_open) name += " (open)";
  const auto other = [&](size_t span) { return SpanName(trace.spans[span]); };
  if (step.after && step.before) {
    return name + ", between " + other(*step.after) + " and " + other(*step.before);
  }
  if (step.after) return name + ", after " + other(*step.after);
  if (step.before) return name + ", before " + other(*step.before);
  return name;
}

std::string RenderCriticalPath(const Trace& trace, const std::vector<CriticalStep>& path,
                               const TextStyle& style) {
  Table table("");
  table.Row({"AT", "TOOK", "WHAT"});
  for (const CriticalStep& step : path) {
    table.Row({FormatDuration(step.time.begin - path.front().time.begin),
               FormatDuration(step.time.length()), StepName(trace, step)});
  }
  return table.RenderWithin(style, {2});
}

std::string RenderCriticalPathJson(const Trace& trace, const std::vector<CriticalStep>& path) {
  JsonWriter json;
  json.BeginArray();
  for (const CriticalStep& step : path) {
    json.BeginObject();
    json.Key("at_ns");
    json.Uint(step.time.begin - path.front().time.begin);
    json.Key("took_ns");
    json.Uint(step.time.length());
    json.Key("span_id");
    if (step.span) {
      json.String(ToHex(trace.spans[*step.span].span.span_id()));
    } else {
      json.Null();
    }
    json.Key("name");
    if (step.span) {
      json.String(trace.spans[*step.span].span.name());
    } else {
      json.Null();
    }
    json.EndObject();
  }
  json.EndArray();
  return json.Finish();
}

}  // namespace sluice::cli
