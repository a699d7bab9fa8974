#include "agent/sinks/otlp/assembler.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/sinks/otlp/span_join.h"
#include "proto/record/attribute_writer.h"
#include "proto/record/field_numbers.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace sluice::otlp {
namespace {

using stream::Delivery;

constexpr uint64_t kLongestHold = 60'000'000'000;
// What a metric says of longer ago nobody waits for any more.
constexpr uint64_t kOldMetrics = 3600 * uint64_t{1'000'000'000};

Signal SignalOf(stream::WholeScope::Kind kind) {
  switch (kind) {
    case stream::WholeScope::Kind::kSpans:
      return Signal::kTraces;
    case stream::WholeScope::Kind::kEvents:
      return Signal::kLogs;
    case stream::WholeScope::Kind::kMetrics:
      break;
  }
  return Signal::kMetrics;
}

// What is neither items nor what ScopeView names.
void AppendRestOfScope(std::string_view encoded, std::string* rest) {
  WireReader reader(encoded);
  const char* begin = reader.position();
  for (WireField field; reader.Next(&field); begin = reader.position()) {
    const bool is_known = field.tag == WireTag(scope_spans_field::kScope, WireType::kBytes) ||
                          field.tag == WireTag(scope_spans_field::kSpans, WireType::kBytes) ||
                          field.tag == WireTag(scope_spans_field::kSchemaUrl, WireType::kBytes);
    if (!is_known) rest->append(begin, reader.position());
  }
}

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

Assembler::Assembler(Options options, Outgoing* outgoing)
    : options_(std::move(options)), outgoing_(outgoing), sampler_(options_.sample) {}

void Assembler::Add(const Delivery& delivery) {
  if (delivery.kind == Delivery::Kind::kSpanClosed && Exports(Signal::kTraces)) {
    AddSpan(delivery);
  } else if (delivery.kind == Delivery::Kind::kEvent && !IsWithinExported(delivery)) {
    AddEvent(delivery);
  }
}

bool Assembler::AddScope(const stream::WholeScope& whole) {
  const Signal signal = SignalOf(whole.kind);
  if (!Exports(signal) || (signal != Signal::kMetrics && !sampler_.keeps_all())) return false;
  const journal::BatchHead& batch = *whole.batch;
  if (signal == Signal::kMetrics &&
      options_.clock->UnixNano() > batch.received_unix_nano + kOldMetrics) {
    options_.numbers->Dropped(signal, "old_metrics", batch.uid, whole.scope->items);
    return true;
  }
  const Sender sender{&whole.origin->identity, batch.resource, batch.resource_schema_url,
                      batch.resource_rest};
  outgoing_->of(signal).AddItemsOf(GroupOf(sender, signal), ScopeOf(*whole.scope),
                                   whole.scope->content, whole.block);
  return true;
}

// Those of a whole span go out within it, as they came.
bool Assembler::IsWithinExported(const Delivery& event) const {
  return event.span_follows && Exports(Signal::kTraces);
}

// A span is of the process that began it, whoever ended it.
void Assembler::AddSpan(const Delivery& delivery) {
  const live::Span& span = *delivery.span;
  const bool is_whole = delivery.record->kind == RecordKind::kSpan;
  const std::vector<HeldEvent> events = is_whole ? std::vector<HeldEvent>() : held_.Take(span.key);
  if (delivery.replayed) return;
  if (IsSampledOut(span.key.trace_id, delivery.level == Level::kError)) return;
  Sender sender{&span.origin->identity, span.origin->resource, {}, {}};
  if (is_whole) {
    sender.schema_url = delivery.batch->resource_schema_url;
    sender.rest = delivery.batch->resource_rest;
  }
  const ScopeKey scope =
      delivery.scope != nullptr ? ScopeOf(*delivery.scope) : ScopeOf(span.target);
  outgoing_->of(Signal::kTraces)
      .AddItem(GroupOf(sender, Signal::kTraces), scope, BodyOf(delivery, events));
}

std::string_view Assembler::BodyOf(const Delivery& delivery, const std::vector<HeldEvent>& events) {
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
  for (const HeldEvent& event : events) AppendSpanEvent(event, &body_);
  if (tells_level) {
    StringWireWriter writer{StringSink(&body_)};
    WriteStringAttribute(writer, span_field::kAttributes, options_.level_attribute,
                         LevelName(span.level));
  }
  return body_;
}

void Assembler::AddEvent(const Delivery& delivery) {
  const std::string_view body = EventBodyOf(delivery);
  const bool is_held = Waits(delivery) && Hold(delivery, body);
  if (delivery.replayed || !Exports(Signal::kLogs)) return;
  if (is_held && options_.events != EventsAs::kBoth) return;
  const TraceId& trace_id = delivery.record->event.trace_id;
  if (!trace_id.IsZero() && IsSampledOut(trace_id, delivery.level == Level::kError)) return;
  const journal::BatchHead& batch = *delivery.batch;
  const Sender sender{&delivery.origin->identity, batch.resource, batch.resource_schema_url,
                      batch.resource_rest};
  const ScopeKey scope =
      delivery.scope != nullptr ? ScopeOf(*delivery.scope) : ScopeOf(delivery.record->target);
  outgoing_->of(Signal::kLogs).AddItem(GroupOf(sender, Signal::kLogs), scope, body);
}

// Of a number or text that comes twice, every reader takes the last.
std::string_view Assembler::EventBodyOf(const Delivery& delivery) {
  const EventView& event = delivery.record->event;
  // What an SDK keeps within its span is made a log record here.
  const bool is_own = delivery.scope == nullptr || delivery.event != 0;
  const bool lacks_severity = is_own && event.severity_number == 0;
  // The span that it names may not be exported.
  const bool moves =
      is_own && delivery.span != nullptr && delivery.span->key.span_id != event.span_id;
  if (!lacks_severity && !moves) return event.body;
  body_ = event.body;
  StringWireWriter writer{StringSink(&body_)};
  if (lacks_severity) {
    writer.Varint(log_record_field::kSeverityNumber, SeverityFromLevel(delivery.record->level));
  }
  if (moves) writer.Bytes(log_record_field::kSpanId, delivery.span->key.span_id.raw());
  return body_;
}

// A span's events are under the span's resource, so another user's are none of them.
bool Assembler::Waits(const Delivery& event) const {
  return options_.events != EventsAs::kLog && Exports(Signal::kTraces) && event.scope == nullptr &&
         event.span != nullptr && event.span->key.uid == event.user();
}

bool Assembler::Hold(const Delivery& delivery, std::string_view body) {
  const live::Origin& origin = *delivery.origin;
  if (held_sender_ == nullptr || held_sender_->identity != origin.identity ||
      held_sender_->resource != origin.resource) {
    held_sender_ =
        std::make_shared<const EventSender>(EventSender{origin.identity, origin.resource});
  }
  HeldEvent event{held_sender_, std::string(delivery.record->target), delivery.level,
                  std::string(body)};
  if (held_.Hold(delivery.span->key, std::move(event), options_.clock->BootNano())) return true;
  options_.counters->Add("otlp.events_as_logs", "limit", delivery.user());
  return false;
}

void Assembler::ReleaseOld() {
  if (held_.empty()) return;
  const uint64_t now = options_.clock->BootNano();
  if (now > kLongestHold) Release(held_.TakeHeldSince(now - kLongestHold), "age");
}

void Assembler::ReleaseAll(bool replayed) {
  const std::vector<HeldEvent> events = held_.TakeAll();
  if (!replayed) Release(events, "segment");
}

void Assembler::Release(const std::vector<HeldEvent>& events, absl::string_view why) {
  for (const HeldEvent& event : events) {
    const Identity& identity = event.sender->identity;
    options_.counters->Add("otlp.events_as_logs", why, identity.uid);
    // With kBoth it went out as it came.
    if (!Exports(Signal::kLogs) || options_.events == EventsAs::kBoth) continue;
    const auto view = ReadEvent(event.body);
    if (!view.has_value() || IsSampledOut(view->trace_id, event.level == Level::kError)) continue;
    const Sender sender{&identity, event.sender->resource, {}, {}};
    outgoing_->of(Signal::kLogs)
        .AddItem(GroupOf(sender, Signal::kLogs), ScopeOf(event.target), event.body);
  }
}

bool Assembler::IsSampledOut(const TraceId& trace_id, bool has_failed) {
  if (sampler_.keeps_all()) return false;
  const bool keeps = sampler_.Keeps(trace_id, options_.clock->BootNano());
  if (keeps || has_failed) return false;
  options_.counters->Add("otlp.sampled_out", options_.numbers->sink());
  return true;
}

ScopeKey Assembler::ScopeOf(std::string_view target) {
  if (scope_.empty() || scope_target_ != target) {
    scope_target_ = target;
    scope_.clear();
    StringWireWriter(StringSink(&scope_)).Bytes(instrumentation_scope_field::kName, target);
  }
  return {scope_, {}};
}

ScopeKey Assembler::ScopeOf(const journal::ScopeView& scope) {
  scope_rest_.clear();
  if (scope.has_rest) AppendRestOfScope(scope.content, &scope_rest_);
  return {scope.encoded, scope.schema_url, scope_rest_};
}

SignalBatch::Group* Assembler::GroupOf(const Sender& sender, Signal signal) {
  LastGroup& last = last_[static_cast<size_t>(signal)];
  if (last.group != nullptr && last.identity == *sender.identity &&
      last.resource == sender.resource && last.schema_url == sender.schema_url &&
      last.rest == sender.rest) {
    return last.group;
  }
  const Identity& identity = *sender.identity;
  std::string key = absl::StrCat(identity.pid, " ", identity.uid, " ", identity.gid, " ",
                                 identity.start_time_ticks, " ", identity.unit.size(), " ",
                                 identity.comm.size(), " ", identity.pod.size(), " ",
                                 sender.resource.size(), " ", sender.schema_url.size(), " ");
  key.append(identity.unit).append(identity.comm).append(identity.pod).append(sender.resource);
  key.append(sender.schema_url).append(sender.rest);
  SignalBatch& batch = outgoing_->of(signal);
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
