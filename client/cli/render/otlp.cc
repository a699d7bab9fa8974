#include "client/cli/render/otlp.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/cli/render/json_writer.h"
#include "proto/otlp/json_writer.h"
#include "proto/record/view.h"
#include "proto/text/escape.h"

namespace sluice::cli {
namespace {

using otlp::v1::Span;
using Attributes = google::protobuf::RepeatedPtrField<otlp::v1::KeyValue>;

void AddText(std::string_view key, std::string_view text, otlp::v1::Resource* resource) {
  if (text.empty()) return;
  otlp::v1::KeyValue* const attribute = resource->add_attributes();
  attribute->set_key(std::string(key));
  attribute->mutable_value()->set_string_value(std::string(text));
}

void AddInt(std::string_view key, int64_t number, otlp::v1::Resource* resource) {
  otlp::v1::KeyValue* const attribute = resource->add_attributes();
  attribute->set_key(std::string(key));
  attribute->mutable_value()->set_int_value(number);
}

otlp::v1::Resource ResourceOf(const Sender& sender) {
  otlp::v1::Resource resource;
  resource.ParseFromArray(sender.resource.data(), static_cast<int>(sender.resource.size()));
  AddInt("sluice.uid", sender.uid, &resource);
  AddInt("sluice.gid", sender.gid, &resource);
  AddInt("sluice.pid", sender.pid, &resource);
  AddText("sluice.unit", sender.unit, &resource);
  AddText("sluice.comm", sender.comm, &resource);
  if (sender.service_name.empty()) {
    const std::string unknown = "unknown_service";
    AddText("service.name",
            sender.comm.empty() ? unknown : unknown + ':' + std::string(sender.comm), &resource);
  }
  return resource;
}

// What of a trace goes into one request, by who sent it and by its target, as they first came.
class Groups {
 public:
  struct OfTarget {
    std::string_view target;
    std::vector<uint32_t> items;
  };
  struct OfSender {
    const Sender* sender = nullptr;
    std::vector<OfTarget> targets;
  };

  void Add(const Sender* sender, std::string_view target, uint32_t item) {
    const auto [of_sender, is_new_sender] = senders_.emplace(sender, groups_.size());
    if (is_new_sender) groups_.push_back({.sender = sender});
    std::vector<OfTarget>& targets = groups_[of_sender->second].targets;
    const auto [of_target, is_new] = targets_.emplace(std::pair(sender, target), targets.size());
    if (is_new) targets.push_back({.target = target});
    targets[of_target->second].items.push_back(item);
  }
  const std::vector<OfSender>& groups() const { return groups_; }

 private:
  std::vector<OfSender> groups_;
  std::map<const Sender*, size_t> senders_;
  std::map<std::pair<const Sender*, std::string_view>, size_t> targets_;
};

// An export request and the names of its members, from the outermost on.
struct Request {
  const otlp::Message* message;
  std::string_view resources;
  std::string_view scopes;
  std::string_view items;
};
constexpr Request kSpans{&otlp::kTraceRequest, "resourceSpans", "scopeSpans", "spans"};
constexpr Request kEvents{&otlp::kLogsRequest, "resourceLogs", "scopeLogs", "logRecords"};

const otlp::Message& MessageOf(const otlp::Message& message, std::string_view member) {
  return *message.Find(member)->message;
}

// On one line, an item at a time. `encode` gives the message of an item.
void WriteRequest(const Request& request, const Groups& groups,
                  const std::function<std::string(uint32_t item)>& encode, const TextSink& out) {
  JsonWriter json(JsonWriter::Layout::kCompact);
  const auto write = [&json](const otlp::Message& message, const std::string& encoded) {
    std::string text;
    otlp::AppendJson(message, encoded, &text);
    std::string shown;
    AppendJsonShowingAll(text, &shown);
    json.Verbatim(shown);
  };
  const otlp::Message& of_sender = MessageOf(*request.message, request.resources);
  const otlp::Message& of_target = MessageOf(of_sender, request.scopes);
  json.BeginObject();
  json.Key(request.resources);
  json.BeginArray();
  for (const Groups::OfSender& sender : groups.groups()) {
    json.BeginObject();
    json.Key("resource");
    write(MessageOf(of_sender, "resource"), ResourceOf(*sender.sender).SerializeAsString());
    json.Key(request.scopes);
    json.BeginArray();
    for (const Groups::OfTarget& target : sender.targets) {
      otlp::v1::InstrumentationScope scope;
      scope.set_name(std::string(target.target));
      json.BeginObject();
      json.Key("scope");
      write(MessageOf(of_target, "scope"), scope.SerializeAsString());
      json.Key(request.items);
      json.BeginArray();
      for (const uint32_t item : target.items) {
        write(MessageOf(of_target, request.items), encode(item));
        out(json.Take());
      }
      json.EndArray();
      json.EndObject();
    }
    json.EndArray();
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  out(json.Finish());
}

Attributes AttributesOf(const TraceEvent& event) {
  otlp::v1::KeyValueList list;
  list.ParseFromString(event.encoded_attributes);
  return std::move(*list.mutable_values());
}

void AddEvent(const TraceEvent& event, Span* span) {
  Span::Event* const added = span->add_events();
  added->set_time_unix_nano(event.time_unix_nano);
  added->set_name(std::string(event.text));
  *added->mutable_attributes() = AttributesOf(event);
  otlp::v1::KeyValue* const level = added->add_attributes();
  level->set_key("level");
  level->mutable_value()->set_string_value(std::string(LevelName(static_cast<Level>(event.level))));
}

// What stands in the row of a span.
Span RowOf(const TraceSpan& span, const std::string& trace_id) {
  Span row;
  row.set_trace_id(trace_id);
  row.set_span_id(std::string(span.id.raw()));
  if (!span.parent_id.IsZero()) row.set_parent_span_id(std::string(span.parent_id.raw()));
  row.set_name(std::string(span.name));
  row.set_start_time_unix_nano(span.start_unix_nano);
  row.set_end_time_unix_nano(span.end_unix_nano);
  return row;
}

std::string EncodedSpan(const Trace& trace, const TraceSpan& span, bool with_events) {
  Span row = RowOf(span, trace.trace_id);
  if (span.state == TraceSpan::State::kOpen) {
    otlp::v1::KeyValue* const open = row.add_attributes();
    open->set_key("sluice.open");
    open->mutable_value()->set_bool_value(true);
  }
  for (const TraceItem& item : trace.ItemsIn(span)) {
    if (!with_events || item.kind != TraceItem::Kind::kEvent) continue;
    const TraceEvent& event = trace.events[item.index];
    if (!event.is_of_span) AddEvent(event, &row);
  }
  return span.encoded_rest + row.SerializeAsString();
}

std::string EncodedEvent(const Trace& trace, const TraceEvent& event) {
  otlp::v1::LogRecord record;
  const Level level = static_cast<Level>(event.level);
  record.set_time_unix_nano(event.time_unix_nano);
  record.set_severity_number(static_cast<otlp::v1::SeverityNumber>(SeverityFromLevel(level)));
  record.set_severity_text(std::string(LevelName(level)));
  record.mutable_body()->set_string_value(std::string(event.text));
  *record.mutable_attributes() = AttributesOf(event);
  record.set_trace_id(trace.trace_id);
  if (!event.span_id.IsZero()) record.set_span_id(std::string(event.span_id.raw()));
  return record.SerializeAsString();
}

void WriteSpans(const Trace& trace, bool with_events, const TextSink& out) {
  Groups groups;
  for (uint32_t i = 0; i < trace.spans.size(); ++i) {
    groups.Add(trace.spans[i].sender, trace.spans[i].target, i);
  }
  WriteRequest(
      kSpans, groups, [&](uint32_t i) { return EncodedSpan(trace, trace.spans[i], with_events); },
      out);
}

}  // namespace

void RenderOtlpJson(const Trace& trace, const TextSink& out) {
  if (trace.spans.empty()) return out("{}\n");
  WriteSpans(trace, /*with_events=*/true, out);
}

size_t EventsOutsideSpans(const Trace& trace) {
  return static_cast<size_t>(
      std::ranges::count(trace.Roots(), TraceItem::Kind::kEvent, &TraceItem::kind));
}

void RenderOtlpLines(const Trace& trace, const TextSink& out) {
  if (!trace.spans.empty()) WriteSpans(trace, /*with_events=*/false, out);
  Groups groups;
  for (uint32_t i = 0; i < trace.events.size(); ++i) {
    const TraceEvent& event = trace.events[i];
    if (!event.is_of_span) groups.Add(event.sender, event.target, i);
  }
  if (groups.groups().empty()) return;
  WriteRequest(
      kEvents, groups, [&](uint32_t i) { return EncodedEvent(trace, trace.events[i]); }, out);
}

}  // namespace sluice::cli
