#include "agent/control/line_reader.h"

#include <algorithm>
#include <utility>

#include "agent/live/origin_codec.h"

namespace sluice::control {
namespace {

std::shared_ptr<const filter::Filter> Everything() {
  return filter::Filter::Parse("trace", {}).filter;
}

// A record's lines follow each other: the only one or a span's beginning, events within it, its
// end.
LinePlace PlaceOf(const stream::Delivery& delivery) {
  const uint32_t is_end = delivery.kind == stream::Delivery::Kind::kSpanClosed ? 1 : 0;
  return {delivery.sequence, 2 * delivery.part + is_end, delivery.event};
}

uint64_t TimeOf(const stream::Delivery& delivery) {
  uint64_t time = delivery.record->event.time_unix_nano;
  if (delivery.kind == stream::Delivery::Kind::kSpanOpened) time = delivery.span->start_unix_nano;
  if (delivery.kind == stream::Delivery::Kind::kSpanClosed) {
    time = delivery.record->span.end_unix_nano;
  }
  return time == 0 ? delivery.received_unix_nano : time;
}

}  // namespace

bool LineSelection::Has(const stream::Delivery& delivery) const {
  // An END states no target.
  const bool is_event = delivery.kind == stream::Delivery::Kind::kEvent;
  const std::string_view target = is_event ? delivery.record->target : delivery.span->target;
  const TraceId& trace = is_event ? delivery.record->event.trace_id : delivery.span->key.trace_id;
  const SpanId& span = is_event ? delivery.record->event.span_id : delivery.span->key.span_id;
  if (trace_id && trace != *trace_id) return false;
  if (span_id && span != *span_id) return false;
  const uint64_t time = TimeOf(delivery);
  if (time < since_unix_nano || time > until_unix_nano) return false;
  const Identity& sender = delivery.origin->identity;
  return delivery.level <= level && target.starts_with(target_prefix) &&
         (unit.empty() || sender.unit == unit) && (!uid || sender.uid == *uid);
}

LineReader::LineReader(journal::Journal* journal, const LineSelection* selection, ShowFn show)
    : selection_(*selection),
      show_(std::move(show)),
      everything_(Everything()),
      newest_at_start_(journal->last_sequence()),
      reader_(journal->OpenReader("")) {}

uint64_t LineReader::SegmentBegin(uint64_t sequence) {
  reader_->Restore(sequence == 0 ? 0 : sequence - 1);
  return reader_->next_sequence();
}

void LineReader::Start(LinePlace from) {
  Restore(from.sequence == 0 ? 0 : from.sequence - 1);
  next_ = from;
}

void LineReader::Restore(uint64_t cursor) {
  stream_ = std::make_unique<stream::RecordStream>(
      everything_, [this](const stream::Delivery& delivery) { Deliver(delivery); });
  const std::string checkpoint = reader_->Restore(cursor);
  stream_->Restore(selection_.only_uid ? live::OpenSpansOf(*selection_.only_uid, checkpoint)
                                       : checkpoint);
}

bool LineReader::Read(std::chrono::steady_clock::time_point deadline) {
  const auto entry = reader_->Next(deadline);
  if (!entry) return false;
  const bool is_new = !entry->replayed;
  if (is_new) CountForgotten(entry->sequence, entry->forgotten_before);
  if (is_new && next_.sequence != 0 && entry->sequence > next_.sequence) {
    // What was open at this place is known from the checkpoint before it alone.
    missed_ += entry->sequence - next_.sequence;
    next_ = {entry->sequence, 0};
    Restore(entry->sequence - 1);
    return true;
  }
  is_of_boot_ = selection_.boot_id.empty() || entry->boot_id == selection_.boot_id;
  const bool hidden = selection_.only_uid && entry->uid != *selection_.only_uid;
  if (!hidden) stream_->Read(*entry);
  if (is_new) next_ = {entry->sequence + 1, 0};
  return true;
}

// What was forgotten before `sequence` is no gap: what is left goes together. It is missed where it
// came since this reader began.
void LineReader::CountForgotten(uint64_t sequence, uint64_t forgotten) {
  if (next_.sequence == 0 || sequence <= next_.sequence) return;
  forgotten = std::min(forgotten, sequence - next_.sequence);
  if (sequence - 1 > newest_at_start_) {
    missed_ += std::min(forgotten, sequence - 1 - newest_at_start_);
  }
  if (forgotten > 0) next_ = {next_.sequence + forgotten, 0};
}

void LineReader::Deliver(const stream::Delivery& delivery) {
  const LinePlace place = PlaceOf(delivery);
  if (is_of_boot_ && place >= next_ && selection_.Has(delivery)) show_(place, delivery);
}

uint64_t LineReader::TakeMissed() { return std::exchange(missed_, 0); }

}  // namespace sluice::control
