#include "agent/stream/span_events.h"

#include "proto/record/field_numbers.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace sluice::stream {
namespace {

void WriteSeverity(std::string_view encoded_attribute, StringWireWriter* writer) {
  const AttributeView attribute = ReadAttribute(encoded_attribute);
  if (attribute.key != "level" || attribute.value.type != ValueView::Type::kString) return;
  if (const auto level = ParseLevel(attribute.value.text)) {
    writer->Varint(log_record_field::kSeverityNumber, SeverityFromLevel(*level));
  }
}

void WriteField(const WireField& field, StringWireWriter* writer) {
  switch (field.tag) {
    case WireTag(span_event_field::kTimeUnixNano, WireType::kFixed64):
      return writer->Fixed64(log_record_field::kTimeUnixNano, field.scalar);
    case WireTag(span_event_field::kName, WireType::kBytes): {
      const auto body = writer->Begin(log_record_field::kBody);
      writer->Bytes(any_value_field::kStringValue, field.bytes);
      return writer->End(body);
    }
    case WireTag(span_event_field::kAttributes, WireType::kBytes):
      WriteSeverity(field.bytes, writer);
      return writer->Bytes(log_record_field::kAttributes, field.bytes);
    case WireTag(span_event_field::kDroppedAttributesCount, WireType::kVarint):
      return writer->Varint(log_record_field::kDroppedAttributesCount, field.scalar);
  }
}

}  // namespace

std::string SpanEventAsLogRecord(const SpanView& span, std::string_view event) {
  std::string record;
  StringWireWriter writer{StringSink(&record)};
  WireReader reader(event);
  for (WireField field; reader.Next(&field);) WriteField(field, &writer);
  writer.Bytes(log_record_field::kTraceId, span.trace_id.raw());
  writer.Bytes(log_record_field::kSpanId, span.span_id.raw());
  return record;
}

}  // namespace sluice::stream
