#include "client/cli/render/tree_json.h"

#include <span>
#include <string_view>

#include "client/cli/render/json_writer.h"
#include "client/cli/render/value.h"
#include "client/cli/trace/walk.h"
#include "proto/record/view.h"

namespace sluice::cli {
namespace {

using otlp::v1::Status;

void Member(std::string_view key, std::string_view text, JsonWriter* json) {
  json->Key(key);
  json->String(text);
}

void MemberUnlessEmpty(std::string_view key, std::string_view text, JsonWriter* json) {
  if (!text.empty()) Member(key, text, json);
}

// Both enumerations have the same numbers.
std::string_view LevelWord(v1::Level level) { return LevelName(static_cast<Level>(level)); }

std::string_view StatusWord(TraceSpan::StatusCode code) {
  if (code == Status::STATUS_CODE_ERROR) return "error";
  return code == Status::STATUS_CODE_OK ? "ok" : "unset";
}

void WriteSender(const Sender& sender, JsonWriter* json) {
  json->Key("uid");
  json->Uint(sender.uid);
  json->Key("gid");
  json->Uint(sender.gid);
  json->Key("pid");
  json->Int(sender.pid);
  MemberUnlessEmpty("comm", sender.comm, json);
  MemberUnlessEmpty("unit", sender.unit, json);
  MemberUnlessEmpty("pod", sender.pod, json);
  MemberUnlessEmpty("service_name", sender.service_name, json);
}

void WriteTimes(const TraceSpan& span, JsonWriter* json) {
  Member("start_time_unix_nano", std::to_string(span.start_unix_nano), json);
  Member("end_time_unix_nano", std::to_string(span.end_unix_nano), json);
  json->Key("duration_ns");
  if (const auto duration = span.Duration()) {
    json->Uint(*duration);
  } else {
    json->Null();
  }
}

void WriteEventsOf(const Trace& trace, std::span<const TraceItem> items, JsonWriter* json) {
  json->Key("events");
  json->BeginArray();
  for (const TraceItem& item : items) {
    if (item.kind == TraceItem::Kind::kEvent) WriteTraceEvent(trace.events[item.index], json);
  }
  json->EndArray();
}

void WriteSpan(const Trace& trace, const TreeRow& row, JsonWriter* json) {
  const TraceSpan& span = trace.spans[row.item.index];
  json->BeginObject();
  Member("span_id", span.id.ToHex(), json);
  if (!span.parent_id.IsZero()) Member("parent_span_id", span.parent_id.ToHex(), json);
  json->Key("depth");
  json->Uint(row.depth);
  Member("name", span.name, json);
  Member("target", span.target, json);
  Member("level", LevelWord(span.level), json);
  Member("state", StateWord(span.state), json);
  Member("status", StatusWord(span.status), json);
  MemberUnlessEmpty("status_message", span.status_message, json);
  WriteTimes(span, json);
  json->Key("parent_not_seen");
  json->Bool(span.parent_not_seen);
  WriteSender(*span.sender, json);
  json->Key("attributes");
  WriteAttributes(span.attributes(), json);
  WriteEventsOf(trace, trace.ItemsIn(span), json);
  json->EndObject();
}

}  // namespace

std::string_view StateWord(TraceSpan::State state) {
  switch (state) {
    case TraceSpan::State::kEnded:
      return "ended";
    case TraceSpan::State::kAborted:
      return "aborted";
    case TraceSpan::State::kOpen:
      break;
  }
  return "open";
}

void WriteTraceEvent(const TraceEvent& event, JsonWriter* json) {
  json->BeginObject();
  Member("time_unix_nano", std::to_string(event.time_unix_nano), json);
  Member("level", LevelWord(event.level), json);
  Member("target", event.target, json);
  Member("message", event.text, json);
  if (!event.span_id.IsZero()) Member("span_id", event.span_id.ToHex(), json);
  WriteSender(*event.sender, json);
  json->Key("attributes");
  WriteAttributes(event.attributes(), json);
  json->EndObject();
}

void RenderTreeJson(const Trace& trace, const TextSink& out) {
  JsonWriter json;
  json.BeginObject();
  Member("trace_id", ToHex(trace.trace_id), &json);
  json.Key("spans");
  json.BeginArray();
  VisitRows(trace, {}, [&](const TreeRow& row) {
    if (row.item.kind == TraceItem::Kind::kSpan) WriteSpan(trace, row, &json);
    out(json.Take());
  });
  json.EndArray();
  WriteEventsOf(trace, trace.Roots(), &json);
  json.EndObject();
  out(json.Finish());
}

}  // namespace sluice::cli
