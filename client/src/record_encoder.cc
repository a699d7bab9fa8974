#include "client/src/record_encoder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "proto/record/attribute_writer.h"
#include "proto/record/field_numbers.h"
#include "proto/record/record_writer.h"

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
    case SLUICE_DEFERRED:  // none comes this far
      return WriteAttributeHeader(writer, number, key, 0);
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
      case SLUICE_DEFERRED:
        return;
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

bool Begins(const SpanRecord& record) {
  return record.kind == RecordKind::kSpanStart || record.kind == RecordKind::kSpan;
}
bool Ends(const SpanRecord& record) {
  return record.kind == RecordKind::kSpanEnd || record.kind == RecordKind::kSpan;
}

template <typename Sink>
void WriteBody(BasicWireWriter<Sink>& writer, const SpanRecord& record) {
  const SpanSlot& slot = record.slot;
  WriteSpanIds(writer, slot.trace_id, slot.span_id);
  if (Begins(record)) {
    WriteSpanBegin(writer, {.trace_state = record.trace_state,
                            .parent_id = slot.parent_id,
                            .kind = slot.kind,
                            .start_time = slot.start_time,
                            .flags = slot.w3c_flags});
  }
  if (Ends(record)) WriteSpanEndTime(writer, slot.end_time);
  writer.Raw(record.body);
  if (record.attribute != nullptr) {
    WriteAttribute(writer, span_field::kAttributes, *record.attribute, 0);
  }
}

// Of a head, what few spans have.
template <typename Sink>
void WriteRest(BasicWireWriter<Sink>& writer, const SpanRecord& record) {
  WriteBareMarks(writer, record.bare);
  if (record.slot.busy_ns != 0) writer.Varint(record_field::kBusyNs, record.slot.busy_ns);
}

template <typename Sink>
void WriteHead(BasicWireWriter<Sink>& writer, const SpanRecord& record) {
  const SpanSlot& slot = record.slot;
  WriteRecordHead(writer, {record.kind, static_cast<Level>(slot.level), slot.target()});
  WriteRest(writer, record);
}

template <typename Sink>
void WriteHead(BasicWireWriter<Sink>& writer, const EventRecord& event) {
  WriteRecordHead(writer, {RecordKind::kEvent, event.level, event.target});
  WriteBareMarks(writer, event.bare);
}

template <typename Sink>
void WriteBody(BasicWireWriter<Sink>& writer, const EventRecord& event) {
  WriteEventHead(writer, event.time, event.level);
  if (event.message.data() != nullptr) WriteEventMessage(writer, event.message);
  const size_t count = std::min(event.attributes.count, limits::kAttributes);
  for (size_t i = 0; i < count; ++i) {
    WriteAttribute(writer, log_record_field::kAttributes, event.attributes.items[i], 0);
  }
  if (count < event.attributes.count) {
    writer.Varint(log_record_field::kDroppedAttributesCount, event.attributes.count - count);
  }
  const std::string_view span_id = Raw(event.context.span_id, 8);
  if (span_id == SpanId().raw()) return;
  WriteEventContext(writer, event.context.trace_flags, Raw(event.context.trace_id, 16), span_id);
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

// Moves `*to` on; there is known to be room.
class RawSink {
 public:
  explicit RawSink(char** to) : to_(to) {}

  char* Grow(size_t size) { return std::exchange(*to_, *to_ + size); }

 private:
  char** const to_;
};

constexpr size_t kSpanIdsSize = 2 + TraceId::kBytes + 2 + SpanId::kBytes;
constexpr size_t kKindAndLevelSize = 4;

// What WriteBody and WriteHead write of a short record.
size_t BodySize(const SpanRecord& record) {
  const SpanSlot& slot = record.slot;
  size_t size = kSpanIdsSize + record.body.size();
  if (Ends(record)) size += 1 + sizeof(slot.end_time);
  if (!Begins(record)) return size;
  size += 2 + 1 + sizeof(slot.start_time) + TagSize(span_field::kFlags) + sizeof(uint32_t);
  if (!slot.parent_id.IsZero()) size += 2 + SpanId::kBytes;
  if (record.trace_state.empty()) [[likely]]
    return size;
  return size + BytesFieldSize(span_field::kTraceState, record.trace_state.size());
}

size_t HeadSize(const SpanRecord& record) {
  const std::string_view target = record.slot.target();
  size_t size = kKindAndLevelSize;
  if (!target.empty()) size += BytesFieldSize(record_field::kTarget, target.size());
  if (record.bare.none() && record.slot.busy_ns == 0) [[likely]]
    return size;
  return size + Count([&](auto& counter) { WriteRest(counter, record); });
}

RecordSizes Sizes(size_t head, size_t body, uint32_t body_field) {
  const size_t content = head + BytesFieldSize(body_field, body);
  return {.body = body, .record = content, .field = BytesFieldSize(batch_field::kRecords, content)};
}

template <typename Record>
[[gnu::noinline]] RecordSizes CountRecord(const Record& record) {
  return Sizes(Count([&](auto& counter) { WriteHead(counter, record); }),
               Count([&](auto& counter) { WriteBody(counter, record); }), BodyField(record));
}

// What the program handed over may have changed since it was counted.
template <typename Record>
[[gnu::noinline]] void WriteRecordChecked(const Record& record, const RecordSizes& sizes,
                                          char* to) {
  BufferWireWriter writer{BufferSink(to, sizes.field)};
  writer.BytesHeader(batch_field::kRecords, sizes.record);
  WriteHead(writer, record);
  writer.BytesHeader(BodyField(record), sizes.body);
  WriteBody(writer, record);
  if (!writer.ok() || writer.size() != sizes.field) [[unlikely]]
    WriteMalformed(to, sizes.field);
}

// Fields whose number and value take a byte each.
char* PutByte(char* to, uint32_t number, WireType type, size_t value) {
  to[0] = static_cast<char>(WireTag(number, type));
  to[1] = static_cast<char>(value);
  return to + 2;
}
char* PutBytes(char* to, uint32_t number, std::string_view bytes) {
  *to = static_cast<char>(WireTag(number, WireType::kBytes));
  to = PutVarint(to + 1, bytes.size());
  CopyShort(to, bytes.data(), bytes.size());
  return to + bytes.size();
}
template <size_t kSize>
char* PutId(char* to, uint32_t number, const Id<kSize>& id) {
  to = PutByte(to, number, WireType::kBytes, kSize);
  std::memcpy(to, id.bytes.data(), kSize);
  return to + kSize;
}
template <typename T>
char* PutFixed(char* to, uint32_t number, WireType type, T value) {
  to = PutVarint(to, WireTag(number, type));
  std::memcpy(to, &value, sizeof(value));
  return to + sizeof(value);
}

// Tag, and length in two bytes even where one would do, so that sizes are plain sums.
constexpr size_t kShortHeaderBytes = 3;
// What a slot holds is shorter than two bytes can say.
constexpr size_t kShortTraceStateBytes = 1024;
static_assert(SpanSlot::kBodyBytes + SpanSlot::kTargetBytes + kShortTraceStateBytes +
                  2 * limits::kAttributes + 200 <
              1 << 14);
bool IsShort(const SpanRecord& record) {
  return record.attribute == nullptr && record.trace_state.size() <= kShortTraceStateBytes;
}
char* PutShortHeader(char* to, uint32_t number, size_t size) {
  to[0] = static_cast<char>(WireTag(number, WireType::kBytes));
  to[1] = static_cast<char>(size | 0x80);
  to[2] = static_cast<char>(size >> 7);
  return to + kShortHeaderBytes;
}

char* PutHead(char* to, const SpanRecord& record) {
  const SpanSlot& slot = record.slot;
  to = PutByte(to, record_field::kKind, WireType::kVarint, static_cast<size_t>(record.kind));
  to = PutByte(to, record_field::kLevel, WireType::kVarint, slot.level);
  if (!slot.target().empty()) to = PutBytes(to, record_field::kTarget, slot.target());
  if (record.bare.none() && slot.busy_ns == 0) [[likely]]
    return to;
  char* end = to;
  BasicWireWriter<RawSink> writer{RawSink(&end)};
  WriteRest(writer, record);
  return end;
}

// As WriteBody, for a short record.
char* PutBody(char* to, const SpanRecord& record) {
  const SpanSlot& slot = record.slot;
  to = PutId(to, span_field::kTraceId, slot.trace_id);
  to = PutId(to, span_field::kSpanId, slot.span_id);
  if (Begins(record)) {
    if (!record.trace_state.empty()) [[unlikely]]
      to = PutBytes(to, span_field::kTraceState, record.trace_state);
    if (!slot.parent_id.IsZero()) to = PutId(to, span_field::kParentSpanId, slot.parent_id);
    to = PutByte(to, span_field::kKind, WireType::kVarint, slot.kind);
    to = PutFixed(to, span_field::kStartTimeUnixNano, WireType::kFixed64, slot.start_time);
    to = PutFixed(to, span_field::kFlags, WireType::kFixed32, uint32_t{slot.w3c_flags});
  }
  if (Ends(record)) {
    to = PutFixed(to, span_field::kEndTimeUnixNano, WireType::kFixed64, slot.end_time);
  }
  std::memcpy(to, record.body.data(), record.body.size());
  return to + record.body.size();
}

}  // namespace

// Flattened, since a span's cost is that of its calls: see tests/bench/client_bench.cc.
#define SLUICE_FLATTEN __attribute__((flatten))

SLUICE_FLATTEN RecordSizes Measure(const SpanRecord& record) {
  // Copied, here and below, so that nothing points at the caller's, which then stays in registers.
  if (!IsShort(record)) [[unlikely]]
    return CountRecord(SpanRecord(record));
  const size_t body = BodySize(record);
  const size_t content = HeadSize(record) + kShortHeaderBytes + body;
  return {.body = body, .record = content, .field = kShortHeaderBytes + content};
}
RecordSizes Measure(const EventRecord& record) { return CountRecord(record); }

// A slot changes for nobody but who holds it.
SLUICE_FLATTEN void Encode(const SpanRecord& record, const RecordSizes& sizes, char* to) {
  if (!IsShort(record)) [[unlikely]]
    return WriteRecordChecked(SpanRecord(record), sizes, to);
  to = PutHead(PutShortHeader(to, batch_field::kRecords, sizes.record), record);
  PutBody(PutShortHeader(to, record_field::kSpan, sizes.body), record);
}
void Encode(const EventRecord& record, const RecordSizes& sizes, char* to) {
  WriteRecordChecked(record, sizes, to);
}

void EncodeAttribute(uint32_t number, const sluice_attribute& attribute, BufferWireWriter* writer) {
  WriteAttribute(*writer, number, attribute, 0);
}

BareSet BareAttributes(const AttributeList& attributes) {
  BareSet bare;
  for (size_t i = 0; i < std::min(attributes.count, bare.size()); ++i) {
    bare[i] = attributes.items[i].type == SLUICE_BARE;
  }
  return bare;
}

std::string_view CutText(std::string_view text, size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) --limit;
  return text.substr(0, limit);
}

}  // namespace sluice
