#include "client/cli/render/otlp.h"

#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "proto/otlp/json_writer.h"
#include "proto/record/view.h"
#include "sluice/otlp/v1/collector.pb.h"

namespace sluice::cli {
namespace {

using otlp::v1::Span;

void AddText(std::string_view key, const std::string& text, otlp::v1::Resource* resource) {
  if (text.empty()) return;
  otlp::v1::KeyValue* const attribute = resource->add_attributes();
  attribute->set_key(std::string(key));
  attribute->mutable_value()->set_string_value(text);
}

void AddInt(std::string_view key, int64_t number, otlp::v1::Resource* resource) {
  otlp::v1::KeyValue* const attribute = resource->add_attributes();
  attribute->set_key(std::string(key));
  attribute->mutable_value()->set_int_value(number);
}

otlp::v1::Resource ResourceOf(const Sender& sender) {
  otlp::v1::Resource resource;
  if (sender.resource != nullptr) resource = *sender.resource;
  AddInt("sluice.uid", sender.identity.uid(), &resource);
  AddInt("sluice.gid", sender.identity.gid(), &resource);
  AddInt("sluice.pid", sender.identity.pid(), &resource);
  AddText("sluice.unit", sender.identity.unit(), &resource);
  AddText("sluice.comm", sender.identity.comm(), &resource);
  const std::string& comm = sender.identity.comm();
  if (sender.service_name.empty()) {
    AddText("service.name", comm.empty() ? "unknown_service" : "unknown_service:" + comm,
            &resource);
  }
  return resource;
}

// The parts of a request by who sent them, each made when it is first asked for. `OfResource` is
// ResourceSpans or ResourceLogs, `OfScope` the same of a scope.
template <typename Request, typename OfResource, typename OfScope>
class Scopes {
 public:
  using AddResource = OfResource* (*)(Request*);
  using AddScope = OfScope* (*)(OfResource*);
  Scopes(Request* request, AddResource add_resource, AddScope add_scope)
      : request_(request), add_resource_(add_resource), add_scope_(add_scope) {}

  OfScope* Of(const Sender& sender, const std::string& target) {
    OfResource*& resource =
        resources_[{sender.resource.get(), sender.identity.SerializeAsString()}];
    if (resource == nullptr) {
      resource = add_resource_(request_);
      *resource->mutable_resource() = ResourceOf(sender);
    }
    OfScope*& scope = scopes_[{resource, target}];
    if (scope == nullptr) {
      scope = add_scope_(resource);
      scope->mutable_scope()->set_name(target);
    }
    return scope;
  }

 private:
  Request* const request_;
  const AddResource add_resource_;
  const AddScope add_scope_;
  std::map<std::pair<const void*, std::string>, OfResource*> resources_;
  std::map<std::pair<OfResource*, std::string>, OfScope*> scopes_;
};

using TraceRequest = otlp::v1::ExportTraceServiceRequest;
using LogsRequest = otlp::v1::ExportLogsServiceRequest;

Span SpanOf(const TraceSpan& of_trace) {
  Span span = of_trace.span;
  if (of_trace.state == TraceSpan::State::kOpen) {
    otlp::v1::KeyValue* const open = span.add_attributes();
    open->set_key("sluice.open");
    open->mutable_value()->set_bool_value(true);
  }
  return span;
}

void AddEvent(const TraceEvent& event, Span* span) {
  Span::Event* const added = span->add_events();
  added->set_time_unix_nano(event.time_unix_nano);
  added->set_name(event.text);
  *added->mutable_attributes() = event.attributes;
  otlp::v1::KeyValue* const level = added->add_attributes();
  level->set_key("level");
  level->mutable_value()->set_string_value(std::string(LevelName(static_cast<Level>(event.level))));
}

TraceRequest RequestOfSpans(const Trace& trace, bool with_events) {
  TraceRequest request;
  Scopes<TraceRequest, otlp::v1::ResourceSpans, otlp::v1::ScopeSpans> scopes(
      &request, [](TraceRequest* all) { return all->add_resource_spans(); },
      [](otlp::v1::ResourceSpans* resource) { return resource->add_scope_spans(); });
  for (size_t i = 0; i < trace.spans.size(); ++i) {
    const TraceSpan& span = trace.spans[i];
    Span* const added = scopes.Of(span.sender, span.target)->add_spans();
    *added = SpanOf(span);
    if (!with_events) continue;
    for (const TraceItem& item : trace.children[i]) {
      if (item.kind != TraceItem::Kind::kEvent) continue;
      const TraceEvent& event = trace.events[item.index];
      if (!event.is_of_span) AddEvent(event, added);
    }
  }
  return request;
}

LogsRequest RequestOfEvents(const Trace& trace) {
  LogsRequest request;
  Scopes<LogsRequest, otlp::v1::ResourceLogs, otlp::v1::ScopeLogs> scopes(
      &request, [](LogsRequest* all) { return all->add_resource_logs(); },
      [](otlp::v1::ResourceLogs* resource) { return resource->add_scope_logs(); });
  for (const TraceEvent& event : trace.events) {
    if (event.is_of_span) continue;
    otlp::v1::LogRecord* const added = scopes.Of(event.sender, event.target)->add_log_records();
    const Level level = static_cast<Level>(event.level);
    added->set_time_unix_nano(event.time_unix_nano);
    added->set_severity_number(static_cast<otlp::v1::SeverityNumber>(SeverityFromLevel(level)));
    added->set_severity_text(std::string(LevelName(level)));
    added->mutable_body()->set_string_value(event.text);
    *added->mutable_attributes() = event.attributes;
    added->set_trace_id(trace.trace_id);
    added->set_span_id(event.span_id);
  }
  return request;
}

void AppendLine(const otlp::Message& message, const google::protobuf::Message& request,
                std::string* out) {
  otlp::AppendJson(message, request.SerializeAsString(), out);
  *out += '\n';
}

}  // namespace

std::string RenderOtlpJson(const Trace& trace, size_t* events_left_out) {
  *events_left_out = 0;
  for (const TraceItem& item : trace.roots) {
    *events_left_out += item.kind == TraceItem::Kind::kEvent;
  }
  std::string out;
  AppendLine(otlp::kTraceRequest, RequestOfSpans(trace, /*with_events=*/true), &out);
  return out;
}

std::string RenderOtlpLines(const Trace& trace) {
  std::string out;
  if (!trace.spans.empty()) {
    AppendLine(otlp::kTraceRequest, RequestOfSpans(trace, /*with_events=*/false), &out);
  }
  const LogsRequest events = RequestOfEvents(trace);
  if (events.resource_logs_size() > 0) AppendLine(otlp::kLogsRequest, events, &out);
  return out;
}

}  // namespace sluice::cli
