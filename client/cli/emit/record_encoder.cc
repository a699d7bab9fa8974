#include "client/cli/emit/record_encoder.h"

#include "proto/record/attribute_writer.h"
#include "proto/record/field_numbers.h"
#include "proto/record/record_writer.h"
#include "proto/wire/writer.h"

namespace sluice::cli {
namespace {

void BytesUnlessEmpty(StringWireWriter& writer, uint32_t number, std::string_view bytes) {
  if (!bytes.empty()) writer.Bytes(number, bytes);
}

void WriteStringArray(StringWireWriter& writer, uint32_t number, std::string_view key,
                      const std::vector<std::string>& values) {
  const auto attribute = writer.Begin(number, 3);
  writer.Bytes(key_value_field::kKey, key);
  const auto value = writer.Begin(key_value_field::kValue, 3);
  const auto array = writer.Begin(any_value_field::kArrayValue, 3);
  for (const std::string& text : values) {
    writer.BytesHeader(array_value_field::kValues,
                       BytesFieldSize(any_value_field::kStringValue, text.size()));
    writer.Bytes(any_value_field::kStringValue, text);
  }
  writer.End(array);
  writer.End(value);
  writer.End(attribute);
}

// One overload for each type of Attribute::value.
struct AttributeEncoder {
  StringWireWriter& writer;
  uint32_t number;
  std::string_view key;

  void operator()(const std::string& value) const {
    WriteStringAttribute(writer, number, key, value);
  }
  void operator()(bool value) const { WriteBoolAttribute(writer, number, key, value); }
  void operator()(int64_t value) const { WriteIntAttribute(writer, number, key, value); }
  void operator()(double value) const { WriteDoubleAttribute(writer, number, key, value); }
  void operator()(const std::vector<std::string>& value) const {
    WriteStringArray(writer, number, key, value);
  }
};

void WriteAttributes(StringWireWriter& writer, uint32_t number,
                     std::span<const Attribute> attributes) {
  for (const Attribute& attribute : attributes) {
    std::visit(AttributeEncoder{writer, number, attribute.key}, attribute.value);
  }
}

void WriteSpanStart(StringWireWriter& writer, const SpanStart& start) {
  const uint32_t remote = start.parent_span_id.IsZero() ? 0 : kParentRemoteKnown | kParentIsRemote;
  WriteSpanBegin(writer, {.trace_state = start.trace_state,
                          .parent_id = start.parent_span_id,
                          .kind = start.kind,
                          .start_time = start.start_unix_nano,
                          .flags = start.trace_flags | remote});
  WriteSpanName(writer, start.name);
  WriteAttributes(writer, span_field::kAttributes, start.attributes);
}

void WriteSpanEnd(StringWireWriter& writer, const SpanEnd& end) {
  WriteSpanEndTime(writer, end.end_unix_nano);
  WriteAttributes(writer, span_field::kAttributes, end.attributes);
  if (end.status != StatusCode::kUnset) WriteSpanStatus(writer, end.status, end.status_message);
}

void WriteOwner(StringWireWriter& writer, const SpanOwner& owner) {
  const auto field = writer.Begin(emit_request_field::kOwner, 1);
  if (owner.pid != 0) writer.Varint(span_owner_field::kPid, static_cast<uint64_t>(owner.pid));
  if (owner.start_time_ticks != 0) {
    writer.Varint(span_owner_field::kStartTimeTicks, owner.start_time_ticks);
  }
  if (owner.ttl_ms != 0) writer.Varint(span_owner_field::kTtlMs, owner.ttl_ms);
  writer.End(field);
}

void WriteSpanEvent(StringWireWriter& writer, const SpanEvent& event) {
  const auto field = writer.Begin(span_field::kEvents, 3);
  writer.Fixed64(span_event_field::kTimeUnixNano, event.time_unix_nano);
  writer.Bytes(span_event_field::kName, event.name);
  WriteAttributes(writer, span_event_field::kAttributes, event.attributes);
  writer.End(field);
}

// A record about a span: its head and ids, and what `write_body` adds.
template <typename WriteBody>
std::string EncodeSpanRecord(RecordKind kind, const SpanStart& ids, const WriteBody& write_body) {
  std::string encoded;
  StringWireWriter writer{StringSink(&encoded)};
  WriteRecordHead(writer, {kind, ids.level, ids.target});
  const auto span = writer.Begin(record_field::kSpan, 3);
  WriteSpanIds(writer, ids.trace_id, ids.span_id);
  write_body(writer);
  writer.End(span);
  return encoded;
}

}  // namespace

std::string EncodeEvent(const Event& event) {
  std::string encoded;
  StringWireWriter writer{StringSink(&encoded)};
  WriteRecordHead(writer, {RecordKind::kEvent, event.level, event.target});
  const auto body = writer.Begin(record_field::kEvent, 3);
  WriteEventHead(writer, event.time_unix_nano, event.level);
  writer.Bytes(log_record_field::kSeverityText, LevelName(event.level));
  WriteEventMessage(writer, event.message);
  WriteAttributes(writer, log_record_field::kAttributes, event.attributes);
  if (!event.trace_id.IsZero()) {
    WriteEventContext(writer, event.trace_flags, event.trace_id.raw(), event.span_id.raw());
  }
  BytesUnlessEmpty(writer, log_record_field::kEventName, event.name);
  writer.End(body);
  return encoded;
}

std::string EncodeSpanStart(const SpanStart& start) {
  return EncodeSpanRecord(RecordKind::kSpanStart, start,
                          [&](StringWireWriter& writer) { WriteSpanStart(writer, start); });
}

std::string EncodeSpanEnd(const SpanStart& start, const SpanEnd& end) {
  return EncodeSpanRecord(RecordKind::kSpanEnd, start,
                          [&](StringWireWriter& writer) { WriteSpanEnd(writer, end); });
}

std::string EncodeSpan(const SpanStart& start, const SpanEnd& end) {
  return EncodeSpanRecord(RecordKind::kSpan, start, [&](StringWireWriter& writer) {
    WriteSpanStart(writer, start);
    WriteSpanEnd(writer, end);
  });
}

std::string EncodeSpanAttributes(const SpanStart& start, std::span<const Attribute> attributes) {
  return EncodeSpanRecord(RecordKind::kSpanUpdate, start, [&](StringWireWriter& writer) {
    WriteAttributes(writer, span_field::kAttributes, attributes);
  });
}

std::string EncodeSpanEvent(const SpanStart& start, const SpanEvent& event) {
  return EncodeSpanRecord(RecordKind::kSpanUpdate, start,
                          [&](StringWireWriter& writer) { WriteSpanEvent(writer, event); });
}

std::string EncodeResource(std::span<const Attribute> attributes) {
  std::string encoded;
  StringWireWriter writer{StringSink(&encoded)};
  WriteAttributes(writer, resource_field::kAttributes, attributes);
  return encoded;
}

std::string EncodeEmitRequest(const ClientId& client_id, uint64_t first_sequence,
                              std::span<const std::string> records, std::string_view resource,
                              const std::optional<SpanOwner>& owner) {
  std::string encoded;
  StringWireWriter writer{StringSink(&encoded)};
  const auto batch = writer.Begin(emit_request_field::kBatch, 3);
  writer.Varint(batch_field::kFirstSequence, first_sequence);
  for (const std::string& record : records) writer.Bytes(batch_field::kRecords, record);
  writer.End(batch);
  BytesUnlessEmpty(writer, emit_request_field::kResource, resource);
  writer.Bytes(emit_request_field::kClientId, client_id.raw());
  if (owner) WriteOwner(writer, *owner);
  return encoded;
}

}  // namespace sluice::cli
