// The one walk over an encoded record, shared by reading (record_view.cc) and judging
// (record_check.cc): fills a view and shows a visitor what the view leaves unread. Every walk
// returns false where the bytes are not well formed, and where the visitor said so.
#pragma once

#include <cstdint>
#include <string_view>

#include "proto/record/check.h"
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
    case WireTag(2, WireType::kBytes):
      return TakeText(field, &span->status_message, visitor);
    case WireTag(3, WireType::kVarint):
      return TakeEnum(field, StatusCode::kError, StatusCode::kUnset, &span->status);
    default:
      return field.number() > 3 || field.number() == 1 || visitor.WrongType();
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
    case WireTag(1, WireType::kBytes):
      return TakeId(field, &span->trace_id, RecordFault::kBadTraceId, visitor);
    case WireTag(2, WireType::kBytes):
      return TakeId(field, &span->span_id, RecordFault::kBadSpanId, visitor);
    case WireTag(3, WireType::kBytes):
      return TakeText(field, &span->trace_state, visitor);
    case WireTag(4, WireType::kBytes):
      return TakeId(field, &span->parent_span_id, RecordFault::kBadParentId, visitor);
    case WireTag(5, WireType::kBytes):
      return TakeText(field, &span->name, visitor);
    case WireTag(6, WireType::kVarint):
      return TakeEnum<uint8_t>(field, 5, 0, &span->kind);
    case WireTag(7, WireType::kFixed64):
      return TakeScalar(field, &span->start_unix_nano);
    case WireTag(8, WireType::kFixed64):
      return TakeScalar(field, &span->end_unix_nano);
    case WireTag(9, WireType::kBytes):
      return visitor.Attribute(field.bytes);
    case WireTag(11, WireType::kBytes):
      return visitor.SpanEvent(field.bytes);
    case WireTag(13, WireType::kBytes):
      return visitor.Link(field.bytes);
    case WireTag(15, WireType::kBytes):
      return WalkStatus(field.bytes, span, visitor);
    case WireTag(16, WireType::kFixed32):
      return TakeScalar(field, &span->flags);
    case WireTag(10, WireType::kVarint):
    case WireTag(12, WireType::kVarint):
    case WireTag(14, WireType::kVarint):
      return true;
    default:
      return field.number() > 16 || visitor.WrongType();
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
    case WireTag(1, WireType::kFixed64):
      return TakeScalar(field, &event->time_unix_nano);
    case WireTag(2, WireType::kVarint):
      return TakeEnum<uint8_t>(field, 24, 0, &event->severity_number);
    case WireTag(3, WireType::kBytes):
      return TakeText(field, &event->severity_text, visitor);
    case WireTag(5, WireType::kBytes):
      event->message = ReadValue(field.bytes);
      return visitor.Value(field.bytes);
    case WireTag(6, WireType::kBytes):
      return visitor.Attribute(field.bytes);
    case WireTag(7, WireType::kVarint):
      return true;
    case WireTag(8, WireType::kFixed32):
      return TakeScalar(field, &event->flags);
    case WireTag(9, WireType::kBytes):
      return TakeId(field, &event->trace_id, RecordFault::kBadTraceId, visitor);
    case WireTag(10, WireType::kBytes):
      return TakeId(field, &event->span_id, RecordFault::kBadSpanId, visitor);
    case WireTag(11, WireType::kFixed64):
      return TakeScalar(field, &event->observed_unix_nano);
    case WireTag(12, WireType::kBytes):
      return TakeText(field, &event->event_name, visitor);
    default:
      return field.number() > 12 || field.number() == 4 || visitor.WrongType();
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
