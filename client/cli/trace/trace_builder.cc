#include "client/cli/trace/trace_builder.h"

#include <algorithm>
#include <functional>

#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace sluice::cli {
namespace {

std::string_view ServiceName(std::string_view resource) {
  for (const std::string_view encoded : FieldRange(resource, resource_field::kAttributes)) {
    const AttributeView attribute = ReadAttribute(encoded);
    if (attribute.key != "service.name") continue;
    return attribute.value.type == ValueView::Type::kString ? attribute.value.text : "";
  }
  return {};
}

std::string EncodedAttributes(const FieldRange& attributes) {
  std::string list;
  StringWireWriter writer{StringSink(&list)};
  for (const std::string_view encoded : attributes) {
    writer.Bytes(key_value_list_field::kValues, encoded);
  }
  return list;
}

bool IsInRow(uint32_t span_field_number) {
  switch (span_field_number) {
    case span_field::kTraceId:
    case span_field::kSpanId:
    case span_field::kParentSpanId:
    case span_field::kName:
    case span_field::kStartTimeUnixNano:
    case span_field::kEndTimeUnixNano:
      return true;
    default:
      return false;
  }
}

std::string RestOf(std::string_view body) {
  std::string rest;
  WireReader reader(body);
  const char* begin = reader.position();
  for (WireField field; reader.Next(&field); begin = reader.position()) {
    if (!IsInRow(field.number())) rest.append(begin, reader.position());
  }
  return rest;
}

}  // namespace

std::string_view TraceBuilder::Text(std::string_view text) {
  const auto known = trace_.texts.find(text);
  return known != trace_.texts.end() ? *known : *trace_.texts.emplace(text).first;
}

bool TraceBuilder::Add(std::string_view encoded) {
  const auto stored = ReadStoredRecord(encoded);
  if (!stored) return false;
  const uint64_t received = stored->received_unix_nano;
  // Records are in the order of their receipt, so that only a step of the clock does this.
  if (received < last_received_unix_nano_) went_back_ += last_received_unix_nano_ - received;
  last_received_unix_nano_ = received;
  if (stored->event) {
    AddEvent(*stored);
  } else if (stored->span) {
    AddSpan(*stored);
  }
  return true;
}

// Mostly the one who sent the record before.
const Sender* TraceBuilder::SenderOf(const StoredRecordView& stored) {
  if (last_sender_ != nullptr && stored.identity == last_identity_ &&
      stored.resource == last_resource_) {
    return last_sender_;
  }
  last_identity_ = stored.identity;
  last_resource_ = stored.resource;
  v1::Identity identity;
  identity.ParseFromString(last_identity_);
  const Sender sender{.uid = identity.uid(),
                      .gid = identity.gid(),
                      .pid = identity.pid(),
                      .start_time_ticks = identity.start_time_ticks(),
                      .comm = Text(identity.comm()),
                      .unit = Text(identity.unit()),
                      .pod = Text(identity.pod()),
                      .service_name = Text(ServiceName(stored.resource)),
                      .resource = Text(stored.resource)};
  last_sender_ = &*trace_.senders.insert(sender).first;
  return last_sender_;
}

void TraceBuilder::AddEvent(const StoredRecordView& stored) {
  const EventView& body = *stored.event;
  TraceEvent& event = trace_.events.emplace_back();
  if (trace_.trace_id.empty()) trace_.trace_id = body.trace_id.raw();
  event.time_unix_nano = body.time_unix_nano != 0 ? body.time_unix_nano : stored.received_unix_nano;
  if (stored.level != Level::kUnspecified) event.level = static_cast<v1::Level>(stored.level);
  const bool has_message =
      body.message.type == ValueView::Type::kString && !body.message.text.empty();
  event.text = Text(has_message ? body.message.text : body.event_name);
  event.target = Text(stored.target);
  event.encoded_attributes = EncodedAttributes(body.attributes());
  event.span_id = body.span_id;
  event.sender = SenderOf(stored);
  events_went_back_.push_back(WentBack(event.time_unix_nano, stored));
}

// What to add to `time`, so that what came before a step of the clock is before it. Who was there
// before the step states times of the clock as it was, which lie after the receipt.
uint64_t TraceBuilder::WentBack(uint64_t time, const StoredRecordView& stored) const {
  return time > stored.received_unix_nano ? 0 : went_back_;
}

bool TraceBuilder::IsRepeated(uint32_t index, const StoredRecordView& stored) {
  Seen& seen = seen_[index];
  switch (stored.kind) {
    case RecordKind::kSpanStart:
      return std::exchange(seen.start, true);
    case RecordKind::kSpanEnd:
      return std::exchange(seen.end, true);
    case RecordKind::kSpanUpdate:
      return !updates_.emplace(index, std::hash<std::string_view>()(stored.record)).second;
    default:
      return std::exchange(seen.start, true) || std::exchange(seen.end, true);
  }
}

// A beginning that says otherwise than the one before is no repetition of it.
bool TraceBuilder::IsAnotherSpan(size_t index, const StoredRecordView& stored) const {
  const bool begins = stored.kind == RecordKind::kSpan || stored.kind == RecordKind::kSpanStart;
  const TraceSpan& known = trace_.spans[index];
  return begins && seen_[index].start &&
         (stored.span->start_unix_nano != known.start_unix_nano || stored.span->name != known.name);
}

// The index of the span that the record is of.
uint32_t TraceBuilder::SpanFor(const StoredRecordView& stored, const Sender& sender) {
  const auto next = static_cast<uint32_t>(trace_.spans.size());
  const auto [entry, is_new] = by_key_.emplace(SpanKey(stored.span->span_id, sender.uid), next);
  const bool is_another = !is_new && IsAnotherSpan(entry->second, stored);
  if (is_new || is_another) {
    entry->second = next;
    TraceSpan& span = trace_.spans.emplace_back();
    span.id = stored.span->span_id;
    span.sender = &sender;
    span.id_used_before = is_another;
    seen_.push_back({.received_unix_nano = stored.received_unix_nano,
                     .went_back = WentBack(stored.span->start_unix_nano, stored)});
  }
  return entry->second;
}

void TraceBuilder::AddSpan(const StoredRecordView& stored) {
  if (trace_.trace_id.empty()) trace_.trace_id = stored.span->trace_id.raw();
  const Sender* const sender = SenderOf(stored);
  const uint32_t index = SpanFor(stored, *sender);
  if (IsRepeated(index, stored)) return;
  TraceSpan& span = trace_.spans[index];
  if (stored.level != Level::kUnspecified) span.level = static_cast<v1::Level>(stored.level);
  if (!stored.target.empty()) span.target = Text(stored.target);
  if (!stored.is_synthetic) span.sender = sender;
  if (seen_[index].end) {
    span.state = stored.is_synthetic ? TraceSpan::State::kAborted : TraceSpan::State::kEnded;
  }
  Merge(*stored.span, &span);
}

// As protobuf merges messages: of a single field the last one counts that is set, and encodings
// one after the other are one message.
void TraceBuilder::Merge(const SpanView& part, TraceSpan* span) {
  if (!part.parent_span_id.IsZero()) span->parent_id = part.parent_span_id;
  if (!part.name.empty()) span->name = Text(part.name);
  if (part.start_unix_nano != 0) span->start_unix_nano = part.start_unix_nano;
  if (part.end_unix_nano != 0) span->end_unix_nano = part.end_unix_nano;
  if (part.status != StatusCode::kUnset) span->status = part.status;
  if (!part.status_message.empty()) span->status_message = Text(part.status_message);
  span->encoded_rest += RestOf(part.body);
}

// The events that an SDK keeps within its span.
void TraceBuilder::AddSpanEvents() {
  for (size_t i = 0; i < trace_.spans.size(); ++i) {
    const TraceSpan& span = trace_.spans[i];
    for (const std::string_view encoded : span.events()) {
      otlp::v1::Span::Event body;
      body.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()));
      TraceEvent& event = trace_.events.emplace_back();
      event.time_unix_nano = body.time_unix_nano();
      event.text = Text(body.name());
      event.target = span.target;
      event.encoded_attributes =
          EncodedAttributes(FieldRange(encoded, span_event_field::kAttributes));
      event.span_id = span.id;
      event.sender = span.sender;
      event.is_of_span = true;
      events_went_back_.push_back(seen_[i].went_back);
    }
  }
}

// The sender's own span of that id first; else root's, else another user's, which may well be the
// parent of a process that changed its uid.
std::optional<uint32_t> TraceBuilder::FindSpan(const SpanId& id, uint32_t uid) const {
  if (id.IsZero()) return std::nullopt;
  if (const auto own = by_key_.find({id, uid}); own != by_key_.end()) return own->second;
  const auto other = by_key_.lower_bound({id, 0});
  if (other == by_key_.end() || other->first.first != id) return std::nullopt;
  return other->second;
}

void TraceBuilder::FindParents() {
  for (TraceSpan& span : trace_.spans) {
    if (span.parent_id.IsZero()) continue;
    span.parent = FindSpan(span.parent_id, span.sender->uid);
    span.parent_not_seen = !span.parent.has_value();
  }
  BreakLoops();
  for (TraceEvent& event : trace_.events) event.span = FindSpan(event.span_id, event.sender->uid);
}

void TraceBuilder::BreakLoops() {
  // The walk upward that came by, counted from 1; a span met twice by the same walk is its own
  // ancestor.
  std::vector<uint32_t> walk_of(trace_.spans.size(), 0);
  for (uint32_t start = 0; start < trace_.spans.size(); ++start) {
    for (std::optional<uint32_t> at = start; at && walk_of[*at] == 0;) {
      walk_of[*at] = start + 1;
      TraceSpan& span = trace_.spans[*at];
      at = span.parent;
      if (at && walk_of[*at] == start + 1) {
        span.parent.reset();
        span.parent_is_descendant = true;
      }
    }
  }
}

uint32_t TraceBuilder::PlaceOf(const TraceItem& item) const {
  const auto& within = item.kind == TraceItem::Kind::kSpan ? trace_.spans[item.index].parent
                                                           : trace_.events[item.index].span;
  return within ? *within + 1 : 0;
}

uint64_t TraceBuilder::TimeOf(const TraceItem& item) const {
  if (item.kind == TraceItem::Kind::kEvent) {
    return trace_.events[item.index].time_unix_nano + events_went_back_[item.index];
  }
  const Seen& seen = seen_[item.index];
  const uint64_t start = trace_.spans[item.index].start_unix_nano;
  return (start != 0 ? start : seen.received_unix_nano) + seen.went_back;
}

void TraceBuilder::PlaceItems() {
  std::vector<TraceItem>& items = trace_.items;
  items.reserve(trace_.spans.size() + trace_.events.size());
  for (uint32_t i = 0; i < trace_.spans.size(); ++i) items.push_back({TraceItem::Kind::kSpan, i});
  for (uint32_t i = 0; i < trace_.events.size(); ++i) items.push_back({TraceItem::Kind::kEvent, i});
  std::ranges::stable_sort(
      items, {}, [this](const TraceItem& item) { return std::pair(PlaceOf(item), TimeOf(item)); });
  uint32_t at = 0;
  const auto end_of = [&](uint32_t place) {
    while (at < items.size() && PlaceOf(items[at]) == place) ++at;
    return at;
  };
  trace_.roots_end = end_of(0);
  for (uint32_t i = 0; i < trace_.spans.size(); ++i) {
    trace_.spans[i].items_begin = at;
    trace_.spans[i].items_end = end_of(i + 1);
  }
}

Trace TraceBuilder::Finish() && {
  AddSpanEvents();
  FindParents();
  PlaceItems();
  return std::move(trace_);
}

}  // namespace sluice::cli
