#include "client/cli/trace/stored_record.h"

#include "proto/wire/reader.h"
#include "sluice/v1/query.pb.h"

namespace sluice::cli {
namespace {

// `last` is the largest value that the enumeration has.
template <typename Enum>
void TakeValue(uint64_t scalar, Enum last, Enum* value) {
  if (scalar <= static_cast<uint64_t>(last)) *value = static_cast<Enum>(scalar);
}

bool ReadRecordInto(std::string_view encoded, StoredRecordView* view) {
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    switch (field.tag) {
      case WireTag(record_field::kKind, WireType::kVarint):
        TakeValue(field.scalar, RecordKind::kEvent, &view->kind);
        break;
      case WireTag(record_field::kLevel, WireType::kVarint):
        TakeValue(field.scalar, Level::kTrace, &view->level);
        break;
      case WireTag(record_field::kTarget, WireType::kBytes):
        view->target = field.bytes;
        break;
      case WireTag(record_field::kSpan, WireType::kBytes):
        view->span = ReadSpan(field.bytes);
        if (!view->span) return false;
        break;
      case WireTag(record_field::kEvent, WireType::kBytes):
        view->event = ReadEvent(field.bytes);
        if (!view->event) return false;
        break;
      default:
        break;
    }
  }
  return reader.ok();
}

}  // namespace

std::optional<StoredRecordView> ReadStoredRecord(std::string_view encoded) {
  StoredRecordView view;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    switch (field.tag) {
      case WireTag(v1::StoredRecord::kIdentityFieldNumber, WireType::kBytes):
        view.identity = field.bytes;
        break;
      case WireTag(v1::StoredRecord::kReceivedUnixNanoFieldNumber, WireType::kFixed64):
        view.received_unix_nano = field.scalar;
        break;
      case WireTag(v1::StoredRecord::kResourceFieldNumber, WireType::kBytes):
        view.resource = field.bytes;
        break;
      case WireTag(v1::StoredRecord::kRecordFieldNumber, WireType::kBytes):
        view.record = field.bytes;
        break;
      case WireTag(v1::StoredRecord::kSyntheticFieldNumber, WireType::kVarint):
        view.is_synthetic = field.scalar != 0;
        break;
      default:
        break;
    }
  }
  if (!reader.ok() || !ReadRecordInto(view.record, &view)) return std::nullopt;
  return view;
}

}  // namespace sluice::cli
