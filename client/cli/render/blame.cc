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

// But for those where nothing stands below the first row.
TableRows WithoutEmptyColumns(const TableRows& rows) {
  std::vector<bool> is_used(rows.row(0).size());
  for (size_t number = 1; number < rows.count; ++number) {
    const TableRow row = rows.row(number);
    for (size_t i = 0; i < row.size(); ++i) is_used[i] = is_used[i] || !row[i].empty();
  }
  return {rows.count, [make = rows.row, is_used](size_t number) {
            TableRow cells;
            const TableRow row = make(number);
            for (size_t i = 0; i < row.size(); ++i) {
              if (is_used[i]) cells.push_back(row[i]);
            }
            return cells;
          }};
}

TableRow CellsOf(const TraceSpan& span, const BlameRow& row) {
  return {FormatDuration(row.self),
          DurationOrNothing(row.in_children()),
          FormatDuration(row.total),
          row.count > 1 ? std::to_string(row.count) : "",
          span.name.empty() ? "(no name)" : EscapeControls(span.name),
          row.is_open ? "open" : "",
          EscapeControls(span.sender->service_name)};
}

}  // namespace

void RenderBlame(const Trace& trace, const Blame& blame, size_t count, const TextStyle& style,
                 const TextSink& out) {
  const size_t shown = std::min(count, blame.rows.size());
  const TableRows rows{shown + 1, [&](size_t number) -> TableRow {
                         if (number == 0) {
                           return {"SELF", "IN CHILDREN", "TOTAL", "COUNT", "NAME", "", "SERVICE"};
                         }
                         const BlameRow& row = blame.rows[number - 1];
                         return CellsOf(trace.spans[row.span], row);
                       }};
  if (shown > 0) WriteTable(WithoutEmptyColumns(rows), style, {3, 4, 5, 6}, out);
  if (shown < blame.rows.size()) {
    out(std::to_string(blame.rows.size() - shown) + " more; -n shows them\n");
  }
  if (blame.without_times > 0) {
    out(std::to_string(blame.without_times) + " more without a start or an end\n");
  }
}

void RenderBlameJson(const Trace& trace, const Blame& blame, size_t count, const TextSink& out) {
  JsonWriter json;
  json.BeginArray();
  for (size_t i = 0; i < std::min(count, blame.rows.size()); ++i) {
    const BlameRow& row = blame.rows[i];
    const TraceSpan& span = trace.spans[row.span];
    json.BeginObject();
    json.Key("name");
    json.String(span.name);
    json.Key("service_name");
    json.String(span.sender->service_name);
    json.Key("span_id");
    json.String(span.id.ToHex());
    json.Key("count");
    json.Uint(row.count);
    json.Key("self_ns");
    json.Uint(row.self);
    json.Key("total_ns");
    json.Uint(row.total);
    json.Key("open");
    json.Bool(row.is_open);
    json.EndObject();
    out(json.Take());
  }
  json.EndArray();
  out(json.Finish());
}

std::string StepName(const Trace& trace, const CriticalStep& step) {
  std::string name = step.span ? SpanName(trace.spans[*step.span]) : "(no span ran)";
  const bool is_open = step.span && trace.spans[*step.span].state == TraceSpan::State::kOpen;
  if (is_open) name += " (open)";
  const auto other = [&](uint32_t span) { return SpanName(trace.spans[span]); };
  if (step.after && step.before) {
    return name + ", between " + other(*step.after) + " and " + other(*step.before);
  }
  if (step.after) return name + ", after " + other(*step.after);
  if (step.before) return name + ", before " + other(*step.before);
  return name;
}

void RenderCriticalPath(const Trace& trace, const std::vector<CriticalStep>& path,
                        const TextStyle& style, const TextSink& out) {
  const auto row = [&](size_t number) -> TableRow {
    if (number == 0) return {"AT", "TOOK", "WHAT"};
    const CriticalStep& step = path[number - 1];
    return {FormatDuration(step.time.begin - path.front().time.begin),
            FormatDuration(step.time.length()), StepName(trace, step)};
  };
  WriteTable({path.size() + 1, row}, style, {2}, out);
}

void RenderCriticalPathJson(const Trace& trace, const std::vector<CriticalStep>& path,
                            const TextSink& out) {
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
      json.String(trace.spans[*step.span].id.ToHex());
    } else {
      json.Null();
    }
    json.Key("name");
    if (step.span) {
      json.String(trace.spans[*step.span].name);
    } else {
      json.Null();
    }
    json.EndObject();
    out(json.Take());
  }
  json.EndArray();
  out(json.Finish());
}

}  // namespace sluice::cli
