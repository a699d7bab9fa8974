#include "agent/sinks/otlp/assembler.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/sinks/otlp/span_join.h"
#include "proto/record/attribute_writer.h"
#include "proto/record/field_numbers.h"
#include "proto/wire/writer.h"

namespace sluice::otlp {
namespace {

using stream::Delivery;

// The parent that a span names, where the one that it has is not exported: the nearest span around
// it that is.
std::optional<SpanId> ParentInstead(const live::Span& span) {
  const live::Span* inner = &span;
  const live::Span* around = span.parent.get();
  if (around == nullptr || around->scope.enabled()) return std::nullopt;
  while (around != nullptr && !around->scope.enabled()) {
    inner = around;
    around = around->parent.get();
  }
  // Beyond what is known here there may be a span of another host.
  return around != nullptr ? around->key.span_id : inner->parent_span_id;
}

}  // namespace

void Assembler::Add(const Delivery& delivery, Outgoing* outgoing) {
  const auto takes = [this](Signal signal) {
    return options_.signals[static_cast<size_t>(signal)];
  };
  if (delivery.kind == Delivery::Kind::kSpanClosed && takes(Signal::kTraces)) {
    AddSpan(delivery, outgoing);
  } else if (delivery.kind == Delivery::Kind::kEvent && takes(Signal::kLogs)) {
    AddEvent(delivery, outgoing);
  }
}

// A span is of the process that began it, whoever ended it.
void Assembler::AddSpan(const Delivery& delivery, Outgoing* outgoing) {
  const live::Origin& origin = *delivery.span->origin;
  Sender sender{&origin.identity, origin.resource, {}, {}};
  if (delivery.record->kind == RecordKind::kSpan) {
    sender.schema_url = delivery.batch->resource_schema_url;
    sender.rest = delivery.batch->resource_rest;
  }
  AddItem(delivery, sender, Signal::kTraces, BodyOf(delivery), outgoing);
}

std::string_view Assembler::BodyOf(const Delivery& delivery) {
  const live::Span& span = *delivery.span;
  const bool is_whole = delivery.record->kind == RecordKind::kSpan;
  const std::string_view parts = is_whole ? delivery.record->span.body : span.body;
  const std::optional<SpanId> parent = ParentInstead(span);
  const bool tells_level = !options_.level_attribute.empty() && delivery.scope == nullptr;
  if (is_whole && !parent.has_value() && !tells_level) return parts;
  body_.clear();
  if (is_whole && !parent.has_value()) {
    body_ = parts;
  } else {
    JoinSpan(parts, parent, &body_);
  }
  if (tells_level) {
    StringWireWriter writer{StringSink(&body_)};
    WriteStringAttribute(writer, span_field::kAttributes, options_.level_attribute,
                         LevelName(span.level));
  }
  return body_;
}

void Assembler::AddEvent(const Delivery& delivery, Outgoing* outgoing) {
  const EventView& event = delivery.record->event;
  const Sender sender{&delivery.origin->identity, delivery.batch->resource,
                      delivery.batch->resource_schema_url, delivery.batch->resource_rest};
  const bool is_own = delivery.scope == nullptr;
  const bool lacks_severity = is_own && event.severity_number == 0;
  // The span that it names may not be exported.
  const bool moves =
      is_own && delivery.span != nullptr && delivery.span->key.span_id != event.span_id;
  if (!lacks_severity && !moves) {
    return AddItem(delivery, sender, Signal::kLogs, event.body, outgoing);
  }
  // Of a number or text that comes twice, every reader takes the last.
  body_ = event.body;
  StringWireWriter writer{StringSink(&body_)};
  if (lacks_severity) {
    writer.Varint(log_record_field::kSeverityNumber, SeverityFromLevel(delivery.record->level));
  }
  if (moves) writer.Bytes(log_record_field::kSpanId, delivery.span->key.span_id.raw());
  AddItem(delivery, sender, Signal::kLogs, body_, outgoing);
}

void Assembler::AddItem(const Delivery& delivery, const Sender& sender, Signal signal,
                        std::string_view item, Outgoing* outgoing) {
  ScopeKey scope;
  if (delivery.scope != nullptr) {
    scope = {delivery.scope->encoded, delivery.scope->schema_url};
  } else {
    // An END may leave the target out.
    const bool is_span = signal == Signal::kTraces;
    const std::string_view target =
        is_span ? std::string_view(delivery.span->target) : delivery.record->target;
    if (scope_target_ != target || scope_.empty()) {
      scope_target_ = target;
      scope_.clear();
      StringWireWriter(StringSink(&scope_)).Bytes(instrumentation_scope_field::kName, target);
    }
    scope.scope = scope_;
  }
  outgoing->of(signal).AddItem(GroupOf(sender, signal, outgoing), scope, item);
}

SignalBatch::Group* Assembler::GroupOf(const Sender& sender, Signal signal, Outgoing* outgoing) {
  LastGroup& last = last_[static_cast<size_t>(signal)];
  if (last.group != nullptr && last.identity == *sender.identity &&
      last.resource == sender.resource && last.schema_url == sender.schema_url &&
      last.rest == sender.rest) {
    return last.group;
  }
  const Identity& identity = *sender.identity;
  std::string key =
      absl::StrCat(identity.pid, " ", identity.uid, " ", identity.gid, " ",
                   identity.start_time_ticks, " ", identity.unit.size(), " ", identity.comm.size(),
                   " ", sender.resource.size(), " ", sender.schema_url.size(), " ");
  key.append(identity.unit).append(identity.comm).append(sender.resource);
  key.append(sender.schema_url).append(sender.rest);
  SignalBatch& batch = outgoing->of(signal);
  SignalBatch::Group* group = batch.Find(key);
  if (group == nullptr) {
    group = batch.Add(key, {identity.uid, MergeResource(sender.resource, identity, options_.host),
                            std::string(sender.schema_url), std::string(sender.rest)});
  }
  last = {group, identity, std::string(sender.resource), std::string(sender.schema_url),
          std::string(sender.rest)};
  return group;
}

}  // namespace sluice::otlp
