#include "client/cli/emit/record_encoder.h"

#include "proto/record/attribute_writer.h"
#include "proto/wire/writer.h"

namespace sluice::cli {
namespace {

// Bits of Span.flags above the W3C ones: the parent is known to be of another process.
constexpr uint32_t kHasIsRemote = 0x100;
constexpr uint32_t kIsRemote = 0x200;
constexpr uint32_t kSpanKindInternal = 1;
constexpr uint32_t kSpanAttributes = 9;
constexpr uint32_t kEventAttributes = 6;

void BytesUnlessEmpty(StringWireWriter& writer, uint32_t number, std::string_view bytes) {
  if (!bytes.empty()) writer.Bytes(number, bytes);
}

void WriteStringArray(StringWireWriter& writer, uint32_t number, std::string_view key,
                      const std::vector<std::string>& values) {
  const auto attribute = writer.Begin(number, 3);
  writer.Bytes(any_value::kKey, key);
  const auto value = writer.Begin(any_value::kValue, 3);
  const auto array = writer.Begin(any_value::kArray, 3);
  for (const std::string& text : values) {
    writer.BytesHeader(1, BytesFieldSize(any_value::kString, text.size()));
    writer.Bytes(any_value::kString, text);
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

void WriteRecordHead(StringWireWriter& writer, RecordKind kind, Level level,
                     std::string_view target) {
  writer.Varint(1, static_cast<uint64_t>(kind));
  writer.Varint(2, static_cast<uint64_t>(level));
  BytesUnlessEmpty(writer, 3, target);
}

void WriteSpanIds(StringWireWriter& writer, const SpanStart& start) {
  writer.Bytes(1, start.trace_id.raw());
  writer.Bytes(2, start.span_id.raw());
}

void WriteSpanStart(StringWireWriter& writer, const SpanStart& start) {
  const bool has_parent = !start.parent_span_id.IsZero();
  BytesUnlessEmpty(writer, 3, start.trace_state);
  if (has_parent) writer.Bytes(4, start.parent_span_id.raw());
  writer.Bytes(5, start.name);
  writer.Varint(6, kSpanKindInternal);
  writer.Fixed64(7, start.start_unix_nano);
  WriteAttributes(writer, kSpanAttributes, start.attributes);
  writer.Fixed32(16, start.trace_flags | (has_parent ? kHasIsRemote | kIsRemote : 0));
}

void WriteSpanEnd(StringWireWriter& writer, const SpanEnd& end) {
  writer.Fixed64(8, end.end_unix_nano);
  WriteAttributes(writer, kSpanAttributes, end.attributes);
  if (end.status == StatusCode::kUnset) return;
  const auto status = writer.Begin(15, 2);
  BytesUnlessEmpty(writer, 2, end.status_message);
  writer.Varint(3, static_cast<uint64_t>(end.status));
  writer.End(status);
}

// A record about a span: its head and ids, and of its beginning and its end what is not null.
std::string EncodeSpanRecord(RecordKind kind, const SpanStart& ids, const SpanStart* start,
                             const SpanEnd* end) {
  std::string encoded;
  StringWireWriter writer{StringSink(&encoded)};
  WriteRecordHead(writer, kind, ids.level, ids.target);
  const auto span = writer.Begin(6, 3);
  WriteSpanIds(writer, ids);
  if (start != nullptr) WriteSpanStart(writer, *start);
  if (end != nullptr) WriteSpanEnd(writer, *end);
  writer.End(span);
  return encoded;
}

}  // namespace

std::string EncodeEvent(const Event& event) {
  std::string encoded;
  StringWireWriter writer{StringSink(&encoded)};
  WriteRecordHead(writer, RecordKind::kEvent, event.level, event.target);
  const auto body = writer.Begin(7, 3);
  writer.Fixed64(1, event.time_unix_nano);
  writer.Varint(2, SeverityFromLevel(event.level));
  writer.Bytes(3, LevelName(event.level));
  writer.BytesHeader(5, BytesFieldSize(any_value::kString, event.message.size()));
  writer.Bytes(any_value::kString, event.message);
  WriteAttributes(writer, kEventAttributes, event.attributes);
  if (!event.trace_id.IsZero()) {
    writer.Fixed32(8, event.trace_flags);
    writer.Bytes(9, event.trace_id.raw());
    writer.Bytes(10, event.span_id.raw());
  }
  BytesUnlessEmpty(writer, 12, event.name);
  writer.End(body);
  return encoded;
}

std::string EncodeSpanStart(const SpanStart& start) {
  return EncodeSpanRecord(RecordKind::kSpanStart, start, &start, nullptr);
}

std::string EncodeSpanEnd(const SpanStart& start, const SpanEnd& end) {
  return EncodeSpanRecord(RecordKind::kSpanEnd, start, nullptr, &end);
}

std::string EncodeResource(std::span<const Attribute> attributes) {
  std::string encoded;
  StringWireWriter writer{StringSink(&encoded)};
  WriteAttributes(writer, 1, attributes);
  return encoded;
}

std::string EncodeEmitRequest(const ClientId& client_id, uint64_t first_sequence,
                              std::span<const std::string> records, std::string_view resource) {
  std::string encoded;
  StringWireWriter writer{StringSink(&encoded)};
  const auto batch = writer.Begin(1, 3);
  writer.Varint(1, first_sequence);
  for (const std::string& record : records) writer.Bytes(2, record);
  writer.End(batch);
  BytesUnlessEmpty(writer, 2, resource);
  writer.Bytes(3, client_id.raw());
  return encoded;
}

}  // namespace sluice::cli
