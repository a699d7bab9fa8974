#include "client/src/record_encoder.h"

#include <algorithm>
#include <cstring>

#include "proto/record/attribute_writer.h"
#include "proto/record/field_numbers.h"

namespace sluice {
namespace {

// Arrays and maps are written by the same code.
constexpr uint32_t kListValues = array_value_field::kValues;
static_assert(kListValues == key_value_list_field::kValues);

// Lists of lists beyond this are cut: writing them must not exhaust a stack.
constexpr int kListDepth = 8;

std::string_view Raw(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

template <typename Write>
size_t Count(Write write) {
  CountingWriter counter{CountingSink()};
  write(counter);
  return counter.size();
}

template <typename Sink>
void WriteListItems(BasicWireWriter<Sink>& writer, const sluice_attribute& list, int depth);

template <typename Sink>
void WriteList(BasicWireWriter<Sink>& writer, const sluice_attribute& list, int depth) {
  const auto write_items = [&](auto& to) { WriteListItems(to, list, depth + 1); };
  writer.BytesHeader(
      list.type == SLUICE_MAP ? any_value_field::kKvlistValue : any_value_field::kArrayValue,
      Count(write_items));
  write_items(writer);
}

// KeyValue as field `number`.
template <typename Sink>
void WriteAttribute(BasicWireWriter<Sink>& writer, uint32_t number,
                    const sluice_attribute& attribute, int depth) {
  const std::string_view key = View(attribute.key);
  const auto& value = attribute.value;
  switch (attribute.type) {
    case SLUICE_STRING:
    case SLUICE_BARE:
      return WriteStringAttribute(writer, number, key, View(value.text));
    case SLUICE_BOOL:
      return WriteBoolAttribute(writer, number, key, value.boolean != 0);
    case SLUICE_INT:
      return WriteIntAttribute(writer, number, key, value.integer);
    case SLUICE_DOUBLE:
      return WriteDoubleAttribute(writer, number, key, value.number);
    case SLUICE_BYTES:
      return WriteBytesAttribute(writer, number, key, View(value.text));
    case SLUICE_ARRAY:
    case SLUICE_MAP:
      break;
  }
  const auto write_list = [&](auto& to) { WriteList(to, attribute, depth); };
  WriteAttributeHeader(writer, number, key, Count(write_list));
  write_list(writer);
}

// AnyValue as an item of ArrayValue.
template <typename Sink>
void WriteArrayItem(BasicWireWriter<Sink>& writer, const sluice_attribute& item, int depth) {
  const auto write_value = [&](auto& to) {
    switch (item.type) {
      case SLUICE_STRING:
      case SLUICE_BARE:
        return to.Bytes(any_value_field::kStringValue, View(item.value.text));
      case SLUICE_BOOL:
        return to.Varint(any_value_field::kBoolValue, item.value.boolean != 0);
      case SLUICE_INT:
        return to.Varint(any_value_field::kIntValue, static_cast<uint64_t>(item.value.integer));
      case SLUICE_DOUBLE:
        return to.Double(any_value_field::kDoubleValue, item.value.number);
      case SLUICE_BYTES:
        return to.Bytes(any_value_field::kBytesValue, View(item.value.text));
      case SLUICE_ARRAY:
      case SLUICE_MAP:
        return WriteList(to, item, depth);
    }
  };
  writer.BytesHeader(kListValues, Count(write_value));
  write_value(writer);
}

template <typename Sink>
void WriteListItems(BasicWireWriter<Sink>& writer, const sluice_attribute& list, int depth) {
  if (depth > kListDepth) return;
  for (size_t i = 0; i < list.value.list.count; ++i) {
    const sluice_attribute& item = list.value.list.items[i];
    if (list.type == SLUICE_MAP) {
      WriteAttribute(writer, kListValues, item, depth);
    } else {
      WriteArrayItem(writer, item, depth);
    }
  }
}

template <typename Sink>
void WriteBody(BasicWireWriter<Sink>& writer, const SpanRecord& record) {
  const SpanSlot& slot = record.slot;
  const bool begins = record.kind == RecordKind::kSpanStart || record.kind == RecordKind::kSpan;
  writer.Bytes(span_field::kTraceId, slot.trace_id.raw());
  writer.Bytes(span_field::kSpanId, slot.span_id.raw());
  if (begins) {
    if (!record.trace_state.empty()) writer.Bytes(span_field::kTraceState, record.trace_state);
    if (!slot.parent_id.IsZero()) writer.Bytes(span_field::kParentSpanId, slot.parent_id.raw());
    writer.Varint(span_field::kKind, slot.kind);
    writer.Fixed64(span_field::kStartTimeUnixNano, slot.start_time);
    writer.Fixed32(span_field::kFlags, slot.w3c_flags);
  }
  if (slot.end_time != 0) writer.Fixed64(span_field::kEndTimeUnixNano, slot.end_time);
  writer.Raw(record.body);
  if (record.attribute != nullptr) {
    WriteAttribute(writer, span_field::kAttributes, *record.attribute, 0);
  }
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

struct RecordHead {
  RecordKind kind;
  uint8_t level;
  std::string_view target;
  const BareSet& bare;
};

template <typename Sink>
void WriteHead(BasicWireWriter<Sink>& writer, const RecordHead& head) {
  writer.Varint(record_field::kKind, static_cast<uint64_t>(head.kind));
  writer.Varint(record_field::kLevel, head.level);
  if (!head.target.empty()) writer.Bytes(record_field::kTarget, head.target);
  WriteBareMarks(writer, head.bare);
}

RecordHead HeadOf(const SpanRecord& record) {
  return {record.kind, record.slot.level, record.slot.target(), record.bare};
}

RecordHead HeadOf(const EventRecord& event) {
  return {RecordKind::kEvent, static_cast<uint8_t>(event.level), event.target, event.bare};
}

template <typename Sink>
void WriteBody(BasicWireWriter<Sink>& writer, const EventRecord& event) {
  writer.Fixed64(log_record_field::kTimeUnixNano, event.time);
  writer.Varint(log_record_field::kSeverityNumber, SeverityFromLevel(event.level));
  if (event.message.data() != nullptr) {
    writer.BytesHeader(log_record_field::kBody,
                       BytesFieldSize(any_value_field::kStringValue, event.message.size()));
    writer.Bytes(any_value_field::kStringValue, event.message);
  }
  const size_t count = std::min(event.attributes.count, limits::kAttributes);
  for (size_t i = 0; i < count; ++i) {
    WriteAttribute(writer, log_record_field::kAttributes, event.attributes.items[i], 0);
  }
  if (count < event.attributes.count) {
    writer.Varint(log_record_field::kDroppedAttributesCount, event.attributes.count - count);
  }
  if (Raw(event.context.span_id, 8) == SpanId().raw()) return;
  writer.Fixed32(log_record_field::kFlags, event.context.trace_flags);
  writer.Bytes(log_record_field::kTraceId, Raw(event.context.trace_id, 16));
  writer.Bytes(log_record_field::kSpanId, Raw(event.context.span_id, 8));
}

// A record of zeros, which is malformed.
void WriteMalformed(char* to, size_t size) {
  constexpr size_t kLengthBytes = 3;
  BufferWireWriter writer{BufferSink(to, size)};
  writer.End(writer.Begin(batch_field::kRecords, kLengthBytes));
  const size_t head = writer.size();
  PutPaddedVarint(to + head - kLengthBytes, size - head, kLengthBytes);
  std::memset(to + head, 0, size - head);
}

constexpr uint32_t BodyField(const SpanRecord&) { return record_field::kSpan; }
constexpr uint32_t BodyField(const EventRecord&) { return record_field::kEvent; }

template <typename Record>
RecordSizes MeasureRecord(const Record& record) {
  const size_t body = Count([&](auto& counter) { WriteBody(counter, record); });
  const size_t head = Count([&](auto& counter) { WriteHead(counter, HeadOf(record)); });
  const size_t content = head + BytesFieldSize(BodyField(record), body);
  return {.body = body, .record = content, .field = BytesFieldSize(batch_field::kRecords, content)};
}

template <typename Record>
void EncodeRecord(const Record& record, const RecordSizes& sizes, char* to) {
  BufferWireWriter writer{BufferSink(to, sizes.field)};
  writer.BytesHeader(batch_field::kRecords, sizes.record);
  WriteHead(writer, HeadOf(record));
  writer.BytesHeader(BodyField(record), sizes.body);
  WriteBody(writer, record);
  if (!writer.ok() || writer.size() != sizes.field) [[unlikely]]
    WriteMalformed(to, sizes.field);
}

}  // namespace

// Flattened, since a span's cost is that of its calls: see tests/bench/client_bench.cc.
#define SLUICE_FLATTEN __attribute__((flatten))

SLUICE_FLATTEN RecordSizes Measure(const SpanRecord& record) { return MeasureRecord(record); }
RecordSizes Measure(const EventRecord& record) { return MeasureRecord(record); }
SLUICE_FLATTEN void Encode(const SpanRecord& record, const RecordSizes& sizes, char* to) {
  EncodeRecord(record, sizes, to);
}
void Encode(const EventRecord& record, const RecordSizes& sizes, char* to) {
  EncodeRecord(record, sizes, to);
}

BareSet BareAttributes(const AttributeList& attributes) {
  BareSet bare;
  for (size_t i = 0; i < std::min(attributes.count, bare.size()); ++i) {
    bare[i] = attributes.items[i].type == SLUICE_BARE;
  }
  return bare;
}

SLUICE_FLATTEN void EncodeSpanAttribute(const sluice_attribute& attribute,
                                        BufferWireWriter* writer) {
  WriteAttribute(*writer, span_field::kAttributes, attribute, 0);
}

std::string_view CutText(std::string_view text, size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) --limit;
  return text.substr(0, limit);
}

}  // namespace sluice
