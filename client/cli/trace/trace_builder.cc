#include "client/cli/trace/trace_builder.h"

#include <algorithm>
#include <functional>

namespace sluice::cli {
namespace {

using otlp::v1::Span;

const std::string& ServiceName(const otlp::v1::Resource& resource) {
  for (const auto& attribute : resource.attributes()) {
    if (attribute.key() == "service.name") return attribute.value().string_value();
  }
  static const std::string kNone;
  return kNone;
}

SpanId IdOf(const std::string& bytes) { return SpanId::FromBytes(bytes).value_or(SpanId()); }

// `Body` is a message with attributes.
template <typename Body>
std::string EncodedAttributes(const Body& body) {
  otlp::v1::KeyValueList list;
  *list.mutable_values() = body.attributes();
  return list.SerializeAsString();
}

}  // namespace

void TraceBuilder::Add(v1::StoredRecord* stored) {
  const uint64_t received = stored->received_unix_nano();
  // Records are in the order of their receipt, so that only a step of the clock does this.
  if (received < last_received_unix_nano_) went_back_ += last_received_unix_nano_ - received;
  last_received_unix_nano_ = received;
  if (stored->record().has_event()) {
    AddEvent(*stored);
  } else if (stored->record().has_span()) {
    AddSpan(stored);
  }
}

const Sender* TraceBuilder::SenderOf(const v1::StoredRecord& stored) {
  const v1::Identity& identity = stored.identity();
  const Sender sender{.uid = identity.uid(),
                      .gid = identity.gid(),
                      .pid = identity.pid(),
                      .start_time_ticks = identity.start_time_ticks(),
                      .comm = Text(identity.comm()),
                      .unit = Text(identity.unit()),
                      .pod = Text(identity.pod()),
                      .service_name = Text(ServiceName(stored.resource())),
                      .resource = Text(stored.resource().SerializeAsString())};
  return &*trace_.senders.insert(sender).first;
}

void TraceBuilder::AddEvent(const v1::StoredRecord& stored) {
  const auto& body = stored.record().event();
  TraceEvent& event = trace_.events.emplace_back();
  if (trace_.trace_id.empty()) trace_.trace_id = body.trace_id();
  event.time_unix_nano =
      body.time_unix_nano() != 0 ? body.time_unix_nano() : body.observed_time_unix_nano();
  if (event.time_unix_nano == 0) event.time_unix_nano = stored.received_unix_nano();
  if (stored.record().level() != v1::LEVEL_UNSPECIFIED) event.level = stored.record().level();
  const std::string& message = body.body().string_value();
  event.text = Text(message.empty() ? body.event_name() : message);
  event.target = Text(stored.record().target());
  event.encoded_attributes = EncodedAttributes(body);
  event.span_id = IdOf(body.span_id());
  event.sender = SenderOf(stored);
  events_went_back_.push_back(WentBack(event.time_unix_nano, stored));
}

// What to add to `time`, so that what came before a step of the clock is before it. Who was there
// before the step states times of the clock as it was, which lie after the receipt.
uint64_t TraceBuilder::WentBack(uint64_t time, const v1::StoredRecord& stored) const {
  return time > stored.received_unix_nano() ? 0 : went_back_;
}

bool TraceBuilder::IsRepeated(uint32_t index, const v1::Record& record) {
  Seen& seen = seen_[index];
  switch (record.kind()) {
    case v1::RECORD_KIND_SPAN_START:
      return std::exchange(seen.start, true);
    case v1::RECORD_KIND_SPAN_END:
      return std::exchange(seen.end, true);
    case v1::RECORD_KIND_SPAN_UPDATE:
      return !updates_.emplace(index, std::hash<std::string>()(record.SerializeAsString())).second;
    default:
      return std::exchange(seen.start, true) || std::exchange(seen.end, true);
  }
}

// A beginning that says otherwise than the one before is no repetition of it.
bool TraceBuilder::IsAnotherSpan(size_t index, const v1::Record& record) const {
  const bool begins =
      record.kind() == v1::RECORD_KIND_SPAN || record.kind() == v1::RECORD_KIND_SPAN_START;
  const TraceSpan& known = trace_.spans[index];
  const Span& span = record.span();
  return begins && seen_[index].start &&
         (span.start_time_unix_nano() != known.start_unix_nano || span.name() != known.name);
}

// The index of the span that the record is of.
uint32_t TraceBuilder::SpanFor(const v1::StoredRecord& stored) {
  const Span& body = stored.record().span();
  const auto next = static_cast<uint32_t>(trace_.spans.size());
  const auto [entry, is_new] =
      by_key_.emplace(SpanKey(IdOf(body.span_id()), stored.identity().uid()), next);
  const bool is_another = !is_new && IsAnotherSpan(entry->second, stored.record());
  if (is_new || is_another) {
    entry->second = next;
    TraceSpan& span = trace_.spans.emplace_back();
    span.id = entry->first.first;
    span.id_used_before = is_another;
    seen_.push_back({.received_unix_nano = stored.received_unix_nano(),
                     .went_back = WentBack(body.start_time_unix_nano(), stored)});
  }
  return entry->second;
}

void TraceBuilder::AddSpan(v1::StoredRecord* stored) {
  const v1::Record& record = stored->record();
  const size_t spans_before = trace_.spans.size();
  const uint32_t index = SpanFor(*stored);
  const bool is_new = index == spans_before;
  if (trace_.trace_id.empty()) trace_.trace_id = record.span().trace_id();
  if (IsRepeated(index, record)) return;
  TraceSpan& span = trace_.spans[index];
  if (record.level() != v1::LEVEL_UNSPECIFIED) span.level = record.level();
  if (!record.target().empty()) span.target = Text(record.target());
  if (is_new || !stored->synthetic()) span.sender = SenderOf(*stored);
  if (seen_[index].end) {
    span.state = stored->synthetic() ? TraceSpan::State::kAborted : TraceSpan::State::kEnded;
  }
  Merge(stored->mutable_record()->mutable_span(), &span);
}

// As protobuf merges messages: of a single field the last one counts that is set, and encodings
// one after the other are one message.
void TraceBuilder::Merge(Span* part, TraceSpan* span) {
  if (!part->parent_span_id().empty()) span->parent_id = IdOf(part->parent_span_id());
  if (!part->name().empty()) span->name = Text(part->name());
  if (part->start_time_unix_nano() != 0) span->start_unix_nano = part->start_time_unix_nano();
  if (part->end_time_unix_nano() != 0) span->end_unix_nano = part->end_time_unix_nano();
  if (part->has_status()) {
    const otlp::v1::Status& status = part->status();
    span->has_status = true;
    if (status.code() != otlp::v1::Status::STATUS_CODE_UNSET) span->status = status.code();
    if (!status.message().empty()) span->status_message = Text(status.message());
  }
  part->clear_trace_id();
  part->clear_span_id();
  part->clear_parent_span_id();
  part->clear_name();
  part->clear_start_time_unix_nano();
  part->clear_end_time_unix_nano();
  part->clear_status();
  part->AppendToString(&span->encoded_rest);
}

// The events that an SDK keeps within its span.
void TraceBuilder::AddSpanEvents() {
  for (size_t i = 0; i < trace_.spans.size(); ++i) {
    const TraceSpan& span = trace_.spans[i];
    for (const std::string_view encoded : span.events()) {
      Span::Event body;
      body.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()));
      TraceEvent& event = trace_.events.emplace_back();
      event.time_unix_nano = body.time_unix_nano();
      event.text = Text(body.name());
      event.target = span.target;
      event.encoded_attributes = EncodedAttributes(body);
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
