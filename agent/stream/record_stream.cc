// Problem: A sink reads far behind admission or starts in the middle, and must see the spans as
// they were at that place. Its filter judges a span when it begins, but fields, errors and a new
// filter come later.
//
// States: A span is judged at its START, or when Restore or SetFilter finds it open. An UPDATE may
// change its scope and the scopes within it. Its END is delivered where it is enabled, or where it
// failed and the filter lets an ERROR pass. A whole SPAN goes through all of this at once.
//
// Invariants:
// * Every START, UPDATE and END changes spans_, whether or not it is replayed or passes the filter.
//   Only Deliver is withheld. Otherwise an END would find no span after a restart or a new filter.
// * Ancestors are judged before descendants (InDepthOrder), since a scope takes over what the scope
//   around it allows.
// * `part` counts every record of the entry, including unreadable and filtered ones. (sequence,
//   part) names a delivery for ever, so a new filter must not change it.
// * A span counts once, at its END, as delivered or as filtered, and events within it each;
//   replayed ones never.

#include "agent/stream/record_stream.h"

#include <string.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "agent/live/origin_codec.h"
#include "agent/stream/span_events.h"
#include "proto/record/limits.h"

namespace sluice::stream {
namespace {

const filter::SpanScope* ScopeOf(const live::Span* span) {
  return span == nullptr ? nullptr : &span->scope;
}

const live::Span* NearestEnabled(const live::Span* span) {
  while (span != nullptr && !span->scope.enabled()) span = span->parent.get();
  return span;
}

// Whether a key `level` may stand somewhere in it. Its length is a byte that hardly anything else
// has, and one byte is looked for several times as fast as seven; where many have it after all,
// they are not looked at one by one.
bool MayNameLevel(std::string_view encoded) {
  constexpr std::string_view kKey("\x0a\x05level");
  size_t misses_left = encoded.size() / 64;
  for (size_t at = encoded.find(kKey[1], 1); at != std::string_view::npos;
       at = encoded.find(kKey[1], at + 1)) {
    if (encoded.substr(at - 1, kKey.size()) == kKey) return true;
    if (misses_left-- > 0) continue;
    return ::memmem(encoded.data() + at, encoded.size() - at, kKey.data(), kKey.size()) != nullptr;
  }
  return false;
}

// An UPDATE or END may leave the level out.
Level LevelOf(Delivery::Kind kind, const RecordView& record, const live::Span* span) {
  if (kind == Delivery::Kind::kEvent) return record.level;
  const bool failed = kind == Delivery::Kind::kSpanClosed && span->HasFailed();
  return failed ? Level::kError : span->level;
}

// Ancestors before descendants.
std::vector<std::shared_ptr<live::Span>> InDepthOrder(const live::SpanTable& spans) {
  std::vector<std::shared_ptr<live::Span>> ordered;
  ordered.reserve(spans.size());
  spans.ForEach([&](const std::shared_ptr<live::Span>& span) { ordered.push_back(span); });
  std::sort(ordered.begin(), ordered.end(),
            [](const auto& a, const auto& b) { return a->depth < b->depth; });
  return ordered;
}

}  // namespace

RecordStream::RecordStream(std::shared_ptr<const filter::Filter> filter, DeliverFn deliver,
                           UnfilteredFn unfiltered, WholeScopeFn whole_scopes)
    : filter_(std::move(filter)),
      matcher_(filter_),
      deliver_(std::move(deliver)),
      unfiltered_(std::move(unfiltered)),
      whole_scopes_(std::move(whole_scopes)) {}

void RecordStream::Restore(std::string_view checkpoint) {
  live::RestoreOpenSpans(checkpoint, &spans_);
  for (const auto& span : InDepthOrder(spans_)) Judge(span);
}

void RecordStream::SetFilter(std::shared_ptr<const filter::Filter> filter) {
  filter_ = std::move(filter);
  matcher_ = filter::Matcher(filter_);
  hidden_ = 0;
  for (const auto& span : InDepthOrder(spans_)) Judge(span);
}

void RecordStream::SetOrigin(const journal::Entry& entry) {
  if (origin_ == nullptr || !live::IsOriginOf(*origin_, entry.batch)) {
    origin_ = live::MakeOrigin(entry.batch);
  }
}

void RecordStream::Read(const journal::Entry& entry) {
  Begin(entry);
  ReadSome(SIZE_MAX);
}

void RecordStream::Begin(const journal::Entry& entry) {
  SetOrigin(entry);
  place_ = {&entry};
  records_ = entry.batch.records();
  if (whole_scopes_ != nullptr) records_.ShowMetrics();
}

size_t RecordStream::ReadSome(size_t most) {
  journal::RecordCursor records = records_;
  Place place = place_;
  size_t count = 0;
  for (; count < most && records.Next(); ++count) {
    place.scope = records.is_own() ? nullptr : &records.scope();
    if (records.is_first_in_scope() && TakesWhole(place, records)) {
      delivered_ += records.scope().items;
      place.part += records.scope().items;
      records.SkipScope();
      continue;
    }
    if (const auto record = records.Read()) ReadRecordAt(place, *record);
    ++place.part;
  }
  records_ = records;
  place_ = place;
  return count;
}

bool RecordStream::TakesWhole(const Place& place, const journal::RecordCursor& records) {
  if (whole_scopes_ == nullptr || place.entry->replayed) return false;
  if (!records.is_metric() && !PassesWhole(records)) return false;
  const auto kind = records.is_metric() ? WholeScope::Kind::kMetrics
                    : records.is_span() ? WholeScope::Kind::kSpans
                                        : WholeScope::Kind::kEvents;
  return whole_scopes_(
      {kind, &records.scope(), &place.entry->batch, origin_.get(), place.entry->block});
}

// A span has the level INFO where no attribute `level` says otherwise.
bool RecordStream::PassesWhole(const journal::RecordCursor& records) {
  // What is within them is to be told of the nearest span that is not.
  if (hidden_ > 0) return false;
  const auto level = matcher_.LevelOfTarget(TargetOfScope(records.scope().name));
  if (!level.has_value()) return false;
  if (filter::Allows(*level, Level::kTrace)) return true;
  return records.is_span() && filter::Allows(*level, Level::kInfo) &&
         !MayNameLevel(records.scope().content);
}

std::unique_ptr<RecordStream> RecordStream::ForkOfRoot() const {
  auto fork = std::make_unique<RecordStream>(filter_, deliver_, unfiltered_, whole_scopes_);
  for (const auto& span : InDepthOrder(spans_)) {
    if (span->key.uid == 0) fork->Copy(*span);
  }
  return fork;
}

// Parents come before their children. One that has ended is shared: it changes no more.
void RecordStream::Copy(const live::Span& span) {
  spans_.Open(span.AsRecord(RecordKind::kSpanStart), span.origin, span.received_boottime_nano);
  const auto copy = spans_.Find(span.key);
  copy->had_error = span.had_error;
  copy->depth = span.depth;
  if (copy->parent == nullptr) copy->parent = span.parent;
  Judge(copy);
}

void RecordStream::ReadRecordAt(const Place& place, const RecordView& record) {
  switch (record.kind) {
    case RecordKind::kEvent:
      return ReadEvent(place, record);
    case RecordKind::kSpan:
      return ReadWhole(place, record);
    case RecordKind::kSpanStart:
      return ReadStart(place, record);
    case RecordKind::kSpanUpdate:
      return ReadUpdate(place, record);
    case RecordKind::kSpanEnd:
      return ReadEnd(place, record);
    case RecordKind::kUnspecified:
      return;
  }
}

void RecordStream::ReadEvent(const Place& place, const RecordView& record) {
  if (place.entry->replayed && !delivers_replayed_) return;
  const auto enclosing =
      spans_.FindEnclosing(place.uid(), record.event.trace_id, record.event.span_id);
  if (!matcher_.EventEnabled(filter::Subject::Of(record), ScopeOf(enclosing.get())) &&
      !TakesUnfiltered(place, record)) {
    filtered_ += place.entry->replayed ? 0 : 1;
    return;
  }
  Deliver(Delivery::Kind::kEvent, place, record, NearestEnabled(enclosing.get()));
}

bool RecordStream::TakesUnfiltered(const Place& place, const RecordView& event) const {
  return unfiltered_ != nullptr && unfiltered_(event, place.entry->batch.sender_is_host_root);
}

void RecordStream::ReadWhole(const Place& place, const RecordView& record) {
  if (place.entry->replayed) return;
  const auto parent =
      spans_.FindEnclosing(place.uid(), record.span.trace_id, record.span.parent_span_id);
  const filter::Subject subject = filter::Subject::Of(record);
  filter::SpanScope scope;
  const bool passes = matcher_.OpenSpan(subject, ScopeOf(parent.get()), &scope) ||
                      (record.span.status == StatusCode::kError &&
                       matcher_.FailedEndEnabled(subject, ScopeOf(parent.get())));
  filtered_ += !passes;
  if (!passes && !record.span.has_events) return;
  const auto span = spans_.Whole(record, origin_);
  span->scope = scope;
  if (scope.enabled()) Deliver(Delivery::Kind::kSpanOpened, place, record, span.get());
  if (record.span.has_events) ReadSpanEvents(place, record, *span, passes);
  if (passes) Deliver(Delivery::Kind::kSpanClosed, place, record, span.get());
}

// Each is judged on its own, as an event that stands in the span is.
void RecordStream::ReadSpanEvents(const Place& place, const RecordView& whole,
                                  const live::Span& span, bool span_passes) {
  uint32_t number = 0;
  for (const std::string_view encoded : whole.span.events()) {
    if (++number > limits::kSpanEventsShown) return;
    const std::string body = SpanEventAsLogRecord(whole.span, encoded);
    const auto event = ReadBareEvent(body, whole.target);
    if (!event.has_value()) continue;
    if (!matcher_.EventEnabled(filter::Subject::Of(*event), &span.scope)) {
      ++filtered_;
      continue;
    }
    Deliver(Delivery::Kind::kEvent, place, *event, NearestEnabled(&span), {number, span_passes});
  }
}

void RecordStream::ReadStart(const Place& place, const RecordView& record) {
  if (spans_.Open(record, origin_, place.entry->batch.received_boottime_nano) !=
      live::SpanTable::Result::kDone) {
    return;
  }
  const auto span = spans_.Find({place.uid(), record.span.trace_id, record.span.span_id});
  Judge(span);
  if (span->scope.enabled()) Deliver(Delivery::Kind::kSpanOpened, place, record, span.get());
}

void RecordStream::ReadUpdate(const Place& place, const RecordView& record) {
  if (spans_.Update(place.uid(), record) != live::SpanTable::Result::kDone) return;
  const auto span = spans_.Find({place.uid(), record.span.trace_id, record.span.span_id});
  const bool was_hidden = !span->scope.enabled();
  if (matcher_.RecordFields(filter::Fields::Of(record), &span->scope)) PropagateScopes();
  hidden_ -= was_hidden && span->scope.enabled();
}

void RecordStream::ReadEnd(const Place& place, const RecordView& record) {
  auto span = spans_.Close(place.uid(), record);
  if (span == nullptr) return;
  hidden_ -= !span->scope.enabled();
  if (span->scope.enabled() || (span->HasFailed() && FailedEndPasses(*span))) {
    Deliver(Delivery::Kind::kSpanClosed, place, record, span.get());
  } else {
    filtered_ += place.entry->replayed ? 0 : 1;
  }
  spans_.Retire(std::move(span));
}

bool RecordStream::FailedEndPasses(const live::Span& span) {
  const RecordView whole = span.AsRecord(RecordKind::kSpan);
  return matcher_.FailedEndEnabled(filter::Subject::Of(whole), ScopeOf(span.parent.get()));
}

void RecordStream::Judge(const std::shared_ptr<live::Span>& span) {
  const RecordView so_far = span->AsRecord(RecordKind::kSpanStart);
  matcher_.OpenSpan(filter::Subject::Of(so_far), ScopeOf(span->parent.get()), &span->scope);
  hidden_ += !span->scope.enabled();
}

void RecordStream::PropagateScopes() {
  for (const auto& span : InDepthOrder(spans_)) {
    if (span->parent != nullptr) matcher_.Inherit(ScopeOf(span->parent.get()), &span->scope);
  }
}

void RecordStream::Deliver(Delivery::Kind kind, const Place& place, const RecordView& record,
                           const live::Span* span, const WithinSpan& within) {
  if (place.entry->replayed && !delivers_replayed_) return;
  const journal::BatchView& batch = place.entry->batch;
  Delivery delivery;
  delivery.kind = kind;
  delivery.sequence = place.entry->sequence;
  delivery.part = place.part;
  delivery.event = within.event;
  delivery.span_follows = within.span_follows;
  delivery.entry_bytes =
      batch.encoded.size() - std::min(batch.encoded.size(), batch.resource.size());
  delivery.batch = &batch;
  delivery.scope = place.scope;
  delivery.record = &record;
  delivery.level = LevelOf(kind, record, span);
  delivery.span = span;
  delivery.origin = origin_.get();
  delivery.received_unix_nano = batch.received_unix_nano;
  delivery.this_boot = place.entry->this_boot && batch.received_boottime_nano != 0;
  delivery.replayed = place.entry->replayed;
  delivery.synthetic = batch.synthetic;
  delivery.sender_is_host_root = batch.sender_is_host_root;
  deliver_(delivery);
  if (kind != Delivery::Kind::kSpanOpened && !delivery.replayed) ++delivered_;
}

}  // namespace sluice::stream
