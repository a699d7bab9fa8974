// The one walk over an encoded record, shared by reading (record_view.cc) and judging
// (record_check.cc): fills a view and shows a visitor what the view leaves unread. Every walk
// returns false where the bytes are not well formed, and where the visitor said so.
#pragma once

#include <cstdint>
#include <string_view>

#include "proto/record/check.h"
#include "proto/record/field_numbers.h"
#include "proto/record/view.h"
#include "proto/wire/reader.h"

namespace sluice {

// Looks at nothing. A visitor that looks overrides what it wants to see; false ends the walk.
struct RecordVisitor {
  // A string field.
  static bool Text(std::string_view) { return true; }
  // A trace or span id; `fault` is what a wrong size makes of the record.
  static bool Id(std::string_view, size_t /*expected_size*/, RecordFault /*fault*/) { return true; }
  // An encoded KeyValue of the body.
  static bool Attribute(std::string_view) { return true; }
  // An encoded AnyValue: an event's message.
  static bool Value(std::string_view) { return true; }
  static bool SpanEvent(std::string_view) { return true; }
  static bool Link(std::string_view) { return true; }
  // A field of a number up to the message's last whose type is not the message's.
  static bool WrongType() { return true; }
};

// Sets a view's member from its field, of which the last counts.
template <typename Visitor>
bool TakeText(const WireField& field, std::string_view* text, Visitor& visitor) {
  *text = field.bytes;
  return visitor.Text(field.bytes);
}
// An id of any other size reads as none.
template <size_t kSize, typename Visitor>
bool TakeId(const WireField& field, Id<kSize>* id, RecordFault fault, Visitor& visitor) {
  *id = Id<kSize>::FromBytes(field.bytes).value_or(Id<kSize>{});
  return visitor.Id(field.bytes, kSize, fault);
}
template <typename T>
bool TakeScalar(const WireField& field, T* number) {
  *number = static_cast<T>(field.scalar);
  return true;
}
// A value outside the enum reads as `unknown`.
template <typename T>
bool TakeEnum(const WireField& field, T last, T unknown, T* value) {
  *value = field.scalar <= static_cast<uint64_t>(last) ? static_cast<T>(field.scalar) : unknown;
  return true;
}

template <typename Visitor>
bool TakeStatusField(const WireField& field, SpanView* span, Visitor& visitor) {
  switch (field.tag) {
    case WireTag(status_field::kMessage, WireType::kBytes):
      return TakeText(field, &span->status_message, visitor);
    case WireTag(status_field::kCode, WireType::kVarint):
      return TakeEnum(field, StatusCode::kError, StatusCode::kUnset, &span->status);
    default:
      return field.number() > status_field::kLast || field.number() == status_field::kReserved ||
             visitor.WrongType();
  }
}

template <typename Visitor>
bool WalkStatus(std::string_view encoded, SpanView* span, Visitor& visitor) {
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (!TakeStatusField(field, span, visitor)) return false;
  }
  return reader.ok();
}

template <typename Visitor>
[[gnu::always_inline]] inline bool TakeSpanField(const WireField& field, SpanView* span,
                                                 Visitor& visitor) {
  switch (field.tag) {
    case WireTag(span_field::kTraceId, WireType::kBytes):
      return TakeId(field, &span->trace_id, RecordFault::kBadTraceId, visitor);
    case WireTag(span_field::kSpanId, WireType::kBytes):
      return TakeId(field, &span->span_id, RecordFault::kBadSpanId, visitor);
    case WireTag(span_field::kTraceState, WireType::kBytes):
      return TakeText(field, &span->trace_state, visitor);
    case WireTag(span_field::kParentSpanId, WireType::kBytes):
      return TakeId(field, &span->parent_span_id, RecordFault::kBadParentId, visitor);
    case WireTag(span_field::kName, WireType::kBytes):
      return TakeText(field, &span->name, visitor);
    case WireTag(span_field::kKind, WireType::kVarint):
      return TakeEnum<uint8_t>(field, 5, 0, &span->kind);
    case WireTag(span_field::kStartTimeUnixNano, WireType::kFixed64):
      return TakeScalar(field, &span->start_unix_nano);
    case WireTag(span_field::kEndTimeUnixNano, WireType::kFixed64):
      return TakeScalar(field, &span->end_unix_nano);
    case WireTag(span_field::kAttributes, WireType::kBytes):
      return visitor.Attribute(field.bytes);
    case WireTag(span_field::kEvents, WireType::kBytes):
      span->has_events = true;
      return visitor.SpanEvent(field.bytes);
    case WireTag(span_field::kLinks, WireType::kBytes):
      return visitor.Link(field.bytes);
    case WireTag(span_field::kStatus, WireType::kBytes):
      return WalkStatus(field.bytes, span, visitor);
    case WireTag(span_field::kFlags, WireType::kFixed32):
      return TakeScalar(field, &span->flags);
    case WireTag(span_field::kDroppedAttributesCount, WireType::kVarint):
    case WireTag(span_field::kDroppedEventsCount, WireType::kVarint):
    case WireTag(span_field::kDroppedLinksCount, WireType::kVarint):
      return true;
    default:
      return field.number() > span_field::kLast || visitor.WrongType();
  }
}

template <typename Visitor>
bool WalkSpan(std::string_view body, SpanView* span, Visitor& visitor) {
  span->body = body;
  WireReader reader(body);
  for (WireField field; reader.Next(&field);) {
    if (!TakeSpanField(field, span, visitor)) return false;
  }
  return reader.ok();
}

template <typename Visitor>
[[gnu::always_inline]] inline bool TakeEventField(const WireField& field, EventView* event,
                                                  Visitor& visitor) {
  switch (field.tag) {
    case WireTag(log_record_field::kTimeUnixNano, WireType::kFixed64):
      return TakeScalar(field, &event->time_unix_nano);
    case WireTag(log_record_field::kSeverityNumber, WireType::kVarint):
      return TakeEnum<uint8_t>(field, 24, 0, &event->severity_number);
    case WireTag(log_record_field::kSeverityText, WireType::kBytes):
      return TakeText(field, &event->severity_text, visitor);
    case WireTag(log_record_field::kBody, WireType::kBytes):
      event->message = ReadValue(field.bytes);
      return visitor.Value(field.bytes);
    case WireTag(log_record_field::kAttributes, WireType::kBytes):
      return visitor.Attribute(field.bytes);
    case WireTag(log_record_field::kDroppedAttributesCount, WireType::kVarint):
      return true;
    case WireTag(log_record_field::kFlags, WireType::kFixed32):
      return TakeScalar(field, &event->flags);
    case WireTag(log_record_field::kTraceId, WireType::kBytes):
      return TakeId(field, &event->trace_id, RecordFault::kBadTraceId, visitor);
    case WireTag(log_record_field::kSpanId, WireType::kBytes):
      return TakeId(field, &event->span_id, RecordFault::kBadSpanId, visitor);
    case WireTag(log_record_field::kObservedTimeUnixNano, WireType::kFixed64):
      return TakeScalar(field, &event->observed_unix_nano);
    case WireTag(log_record_field::kEventName, WireType::kBytes):
      return TakeText(field, &event->event_name, visitor);
    default:
      return field.number() > log_record_field::kLast ||
             field.number() == log_record_field::kReserved || visitor.WrongType();
  }
}

template <typename Visitor>
bool WalkEvent(std::string_view body, EventView* event, Visitor& visitor) {
  event->body = body;
  WireReader reader(body);
  for (WireField field; reader.Next(&field);) {
    if (!TakeEventField(field, event, visitor)) return false;
  }
  if (event->time_unix_nano == 0) event->time_unix_nano = event->observed_unix_nano;
  return reader.ok();
}

}  // namespace sluice
