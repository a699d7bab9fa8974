// Writes the parts of a record in wire format, whatever they are written to: the library counts
// them, then writes them into its ring; the tool appends them to a string. A record is its head,
// then one body: of a span, or of an event.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>

#include "proto/record/field_numbers.h"
#include "proto/record/limits.h"
#include "proto/record/view.h"
#include "proto/trace/ids.h"
#include "proto/wire/writer.h"

namespace sluice {

// Which of a body's attributes print bare, by index.
using BareSet = std::bitset<limits::kAttributes>;

struct RecordHead {
  RecordKind kind;
  Level level;
  std::string_view target;
};

template <typename Sink>
void WriteRecordHead(BasicWireWriter<Sink>& writer, const RecordHead& head) {
  writer.Varint(record_field::kKind, static_cast<uint64_t>(head.kind));
  writer.Varint(record_field::kLevel, static_cast<uint64_t>(head.level));
  if (!head.target.empty()) writer.Bytes(record_field::kTarget, head.target);
}

template <typename Sink>
void WriteBareMarks(BasicWireWriter<Sink>& writer, const BareSet& bare) {
  if (bare.none()) return;
  char packed[2 * limits::kAttributes];
  char* end = packed;
  for (size_t i = 0; i < bare.size(); ++i) {
    if (bare[i]) end = PutVarint(end, i);
  }
  writer.Bytes(record_field::kBareAttributes, {packed, static_cast<size_t>(end - packed)});
}

// Of a span: ids in each record about it, SpanBegin and the name in its START, the end in its END,
// attributes (attribute_writer.h) and a status in any.

template <typename Sink>
void WriteSpanIds(BasicWireWriter<Sink>& writer, const TraceId& trace_id, const SpanId& span_id) {
  writer.Bytes(span_field::kTraceId, trace_id.raw());
  writer.Bytes(span_field::kSpanId, span_id.raw());
}

// Bits of Span.flags above W3C's: whether the parent is of another process is known; and it is.
inline constexpr uint16_t kParentRemoteKnown = 0x100;
inline constexpr uint16_t kParentIsRemote = 0x200;

struct SpanBegin {
  std::string_view trace_state;
  const SpanId& parent_id;  // zero: a root
  uint64_t kind;            // as in OTLP
  uint64_t start_time;      // Unix ns
  uint32_t flags;           // of Span.flags
};

template <typename Sink>
void WriteSpanBegin(BasicWireWriter<Sink>& writer, const SpanBegin& begin) {
  if (!begin.trace_state.empty()) writer.Bytes(span_field::kTraceState, begin.trace_state);
  if (!begin.parent_id.IsZero()) writer.Bytes(span_field::kParentSpanId, begin.parent_id.raw());
  writer.Varint(span_field::kKind, begin.kind);
  writer.Fixed64(span_field::kStartTimeUnixNano, begin.start_time);
  writer.Fixed32(span_field::kFlags, begin.flags);
}

template <typename Sink>
void WriteSpanName(BasicWireWriter<Sink>& writer, std::string_view name) {
  writer.Bytes(span_field::kName, name);
}

template <typename Sink>
void WriteSpanEndTime(BasicWireWriter<Sink>& writer, uint64_t unix_nano) {
  writer.Fixed64(span_field::kEndTimeUnixNano, unix_nano);
}

// Both fields always: of two statuses, merged, the last one counts.
constexpr size_t StatusSize(std::string_view message) {
  return BytesFieldSize(status_field::kMessage, message.size()) + 2;
}
constexpr size_t StatusFieldSize(std::string_view message) {
  return BytesFieldSize(span_field::kStatus, StatusSize(message));
}
template <typename Sink>
void WriteSpanStatus(BasicWireWriter<Sink>& writer, StatusCode code, std::string_view message) {
  writer.BytesHeader(span_field::kStatus, StatusSize(message));
  writer.Bytes(status_field::kMessage, message);
  writer.Varint(status_field::kCode, static_cast<uint64_t>(code));
}

// Of an event, in this order, its attributes between message and context.

template <typename Sink>
void WriteEventHead(BasicWireWriter<Sink>& writer, uint64_t unix_nano, Level level) {
  writer.Fixed64(log_record_field::kTimeUnixNano, unix_nano);
  writer.Varint(log_record_field::kSeverityNumber, SeverityFromLevel(level));
}

template <typename Sink>
void WriteEventMessage(BasicWireWriter<Sink>& writer, std::string_view message) {
  writer.BytesHeader(log_record_field::kBody,
                     BytesFieldSize(any_value_field::kStringValue, message.size()));
  writer.Bytes(any_value_field::kStringValue, message);
}

// The ids as bytes; outside a span it is left out.
template <typename Sink>
void WriteEventContext(BasicWireWriter<Sink>& writer, uint8_t flags, std::string_view trace_id,
                       std::string_view span_id) {
  writer.Fixed32(log_record_field::kFlags, flags);
  writer.Bytes(log_record_field::kTraceId, trace_id);
  writer.Bytes(log_record_field::kSpanId, span_id);
}

}  // namespace sluice
