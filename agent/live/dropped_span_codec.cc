#include "agent/live/dropped_span_codec.h"

#include <optional>

#include "agent/journal/field_numbers.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace sluice::live {
namespace {

namespace span_field = journal::dropped_span_field;
namespace state_field = journal::dropped_span_state_field;

// A DroppedSpan, read in place.
struct DroppedSpanView {
  TraceId trace_id;
  SpanId span_id;
  SpanId nearest_kept;
  bool has_ended = false;
};

void WriteDroppedSpan(uint32_t number, const DroppedSpanView& span, StringWireWriter* writer) {
  const auto dropped = writer->Begin(number);
  writer->Bytes(span_field::kTraceId, span.trace_id.raw());
  writer->Bytes(span_field::kSpanId, span.span_id.raw());
  if (!span.nearest_kept.IsZero()) {
    writer->Bytes(span_field::kNearestKeptSpanId, span.nearest_kept.raw());
  }
  if (span.has_ended) writer->Varint(span_field::kHasEnded, 1);
  writer->End(dropped);
}

std::optional<DroppedSpanView> ReadDroppedSpan(std::string_view encoded) {
  DroppedSpanView view;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    switch (field.tag) {
      case WireTag(span_field::kTraceId, WireType::kBytes):
        view.trace_id = TraceId::FromBytes(field.bytes).value_or(TraceId());
        break;
      case WireTag(span_field::kSpanId, WireType::kBytes):
        view.span_id = SpanId::FromBytes(field.bytes).value_or(SpanId());
        break;
      case WireTag(span_field::kNearestKeptSpanId, WireType::kBytes):
        view.nearest_kept = SpanId::FromBytes(field.bytes).value_or(SpanId());
        break;
      case WireTag(span_field::kHasEnded, WireType::kVarint):
        view.has_ended = field.scalar != 0;
        break;
    }
  }
  if (!reader.ok() || view.span_id.IsZero()) return std::nullopt;
  return view;
}

void RestoreDroppedSpan(std::string_view encoded, SpanTable* spans) {
  uid_t uid = 0;
  SpanTable::Dropped dropped;
  std::optional<DroppedSpanView> view;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    switch (field.tag) {
      case WireTag(state_field::kUid, WireType::kVarint):
        uid = static_cast<uid_t>(field.scalar);
        break;
      case WireTag(state_field::kPid, WireType::kVarint):
        dropped.pid = static_cast<pid_t>(field.scalar);
        break;
      case WireTag(state_field::kStartTimeTicks, WireType::kVarint):
        dropped.start_time_ticks = field.scalar;
        break;
      case WireTag(state_field::kOwner, WireType::kBytes):
        if (!journal::ReadOwner(field.bytes, &dropped.owner)) return;
        break;
      case WireTag(state_field::kSpan, WireType::kBytes):
        view = ReadDroppedSpan(field.bytes);
        break;
    }
  }
  if (!reader.ok() || !view.has_value()) return;
  dropped.nearest_kept = view->nearest_kept;
  spans->AddDropped({uid, view->trace_id, view->span_id}, dropped);
}

}  // namespace

void AppendDroppedSpan(const SpanKey& key, const SpanId& nearest_kept, bool has_ended,
                       std::string* batch) {
  StringWireWriter writer{StringSink(batch)};
  WriteDroppedSpan(journal::journal_batch_field::kDroppedSpans,
                   {key.trace_id, key.span_id, nearest_kept, has_ended}, &writer);
}

void ApplyDroppedSpans(const journal::BatchView& batch, SpanTable* spans) {
  for (const std::string_view encoded : batch.dropped_spans()) {
    const auto dropped = ReadDroppedSpan(encoded);
    if (!dropped.has_value()) continue;
    const SpanKey key{batch.uid, dropped->trace_id, dropped->span_id};
    if (dropped->has_ended) {
      spans->RemoveDropped(key);
    } else {
      spans->AddDropped(key,
                        {dropped->nearest_kept, batch.pid, batch.start_time_ticks, batch.owner});
    }
  }
}

void SaveDroppedSpans(const SpanTable& spans, std::string* checkpoint) {
  StringWireWriter writer{StringSink(checkpoint)};
  spans.ForEachDropped([&](const SpanKey& key, const SpanTable::Dropped& dropped) {
    const auto state = writer.Begin(journal::checkpoint_field::kDroppedSpans);
    writer.Varint(state_field::kUid, key.uid);
    writer.Varint(state_field::kPid, static_cast<uint64_t>(int64_t{dropped.pid}));
    writer.Varint(state_field::kStartTimeTicks, dropped.start_time_ticks);
    WriteDroppedSpan(state_field::kSpan, {key.trace_id, key.span_id, dropped.nearest_kept},
                     &writer);
    journal::WriteOwner(state_field::kOwner, dropped.owner, &writer);
    writer.End(state);
  });
}

void RestoreDroppedSpans(std::string_view encoded_checkpoint, SpanTable* spans) {
  for (const std::string_view encoded :
       FieldRange(encoded_checkpoint, journal::checkpoint_field::kDroppedSpans)) {
    RestoreDroppedSpan(encoded, spans);
  }
}

}  // namespace sluice::live
