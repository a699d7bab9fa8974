// The one walk over an encoded record, shared by reading (record_view.cc) and judging
// (record_check.cc).
#pragma once

#include <string_view>

#include "proto/record/body_walk.h"
#include "proto/record/check.h"
#include "proto/record/field_numbers.h"
#include "proto/record/view.h"
#include "proto/wire/reader.h"

namespace sluice {

// The marks of a packed bare_attributes field.
bool TakePackedMarks(std::string_view packed, BareMarks* bare);

// A Record has one body; a repeated one would merge with the first, out of sight of a view.
struct RecordBodies {
  int count = 0;
  bool is_event = false;
};

template <typename Visitor>
bool TakeRecordField(const WireField& field, RecordView* view, RecordBodies* bodies,
                     Visitor& visitor) {
  switch (field.tag) {
    case WireTag(record_field::kKind, WireType::kVarint):
      return TakeEnum(field, RecordKind::kEvent, RecordKind::kUnspecified, &view->kind);
    case WireTag(record_field::kLevel, WireType::kVarint):
      return TakeEnum(field, Level::kTrace, Level::kTrace, &view->level);
    case WireTag(record_field::kTarget, WireType::kBytes):
      return TakeText(field, &view->target, visitor);
    case WireTag(record_field::kBareAttributes, WireType::kVarint):
      view->bare.Set(field.scalar);
      return true;
    case WireTag(record_field::kBareAttributes, WireType::kBytes):
      return TakePackedMarks(field.bytes, &view->bare);
    case WireTag(record_field::kBusyNs, WireType::kVarint):
      return TakeScalar(field, &view->busy_ns);
    case WireTag(record_field::kSpan, WireType::kBytes):
      ++bodies->count;
      return WalkSpan(field.bytes, &view->span, visitor);
    case WireTag(record_field::kEvent, WireType::kBytes):
      ++bodies->count;
      bodies->is_event = true;
      return WalkEvent(field.bytes, &view->event, visitor);
    default:
      return field.number() > record_field::kLast || visitor.WrongType();
  }
}

// Fills in the kind and level that are not stated. kNoBody where there is not exactly one body, or
// one that the kind does not have.
RecordFault FinishRecord(RecordBodies bodies, RecordView* view);

// kNone, kMalformed or kNoBody; or kMalformed in the visitor's name, whose own reason counts then.
template <typename Visitor>
RecordFault WalkRecord(std::string_view encoded, RecordView* view, Visitor& visitor) {
  view->encoded = encoded;
  RecordBodies bodies;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (!TakeRecordField(field, view, &bodies, visitor)) return RecordFault::kMalformed;
  }
  if (!reader.ok()) return RecordFault::kMalformed;
  return FinishRecord(bodies, view);
}

}  // namespace sluice
