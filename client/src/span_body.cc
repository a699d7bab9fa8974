#include "client/src/span_body.h"

#include <algorithm>
#include <cstring>

#include "client/src/record_encoder.h"
#include "client/src/short_attribute.h"
#include "client/src/tracestate_store.h"
#include "proto/record/field_numbers.h"
#include "proto/record/record_writer.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace sluice {
namespace {

BufferWireWriter BodyWriter(SpanSlot* slot) {
  return BufferWireWriter(
      BufferSink(slot->body + slot->body_size, SpanSlot::kBodyBytes - slot->body_size));
}

bool Take(const BufferWireWriter& written, SpanSlot* slot) {
  if (!written.ok()) return false;
  slot->body_size = static_cast<uint16_t>(slot->body_size + written.size());
  return true;
}

// Later marks move up with their attributes.
void EraseMark(size_t index, SpanSlot* slot) {
  for (size_t i = index; i + 1 < slot->attribute_count; ++i) slot->bare[i] = slot->bare[i + 1];
  slot->bare[slot->attribute_count - 1u] = false;
}

// Of an encoded attribute that was written here: its key comes first.
std::string_view KeyOf(std::string_view attribute) {
  const size_t size = static_cast<unsigned char>(attribute[1]);
  return size < 0x80 ? attribute.substr(2, size) : ReadAttribute(attribute).key;
}

void EraseAttribute(std::string_view key, SpanSlot* slot) {
  const char* const body_end = slot->body + slot->body_size;
  WireReader reader({slot->body, slot->body_size});
  const char* begin = slot->body;
  size_t index = 0;
  for (WireField field; reader.Next(&field); begin = reader.position()) {
    if (field.tag != WireTag(span_field::kAttributes, WireType::kBytes)) continue;
    if (KeyOf(field.bytes) == key) {
      const char* const end = reader.position();
      std::memmove(slot->body + (begin - slot->body), end, static_cast<size_t>(body_end - end));
      EraseMark(index, slot);
      slot->body_size = static_cast<uint16_t>(slot->body_size - (end - begin));
      --slot->attribute_count;
      return;
    }
    ++index;
  }
}

// Most of them only look the same by their bits.
void EraseSameKeys(const EncodedAttributes& attributes, SpanSlot* slot) {
  const uint64_t* bit = attributes.bits.data();
  for (const std::string_view field : FieldRange(attributes.fields, span_field::kAttributes)) {
    if ((*bit++ & slot->keys) != 0) EraseAttribute(KeyOf(field), slot);
  }
}

void WriteLinkIds(const sluice_context& context, BufferWireWriter* writer) {
  writer->Bytes(span_link_field::kTraceId,
                {reinterpret_cast<const char*>(context.trace_id), sizeof(context.trace_id)});
  writer->Bytes(span_link_field::kSpanId,
                {reinterpret_cast<const char*>(context.span_id), sizeof(context.span_id)});
  const std::string_view trace_state = TracestateText(context.trace_state);
  if (!trace_state.empty()) writer->Bytes(span_link_field::kTraceState, trace_state);
}

// `attribute_count` of the link's attributes.
bool WriteLink(const sluice_link& link, size_t attribute_count, BufferWireWriter* writer) {
  const auto mark = writer->Begin(span_field::kLinks, 2);
  WriteLinkIds(link.context, writer);
  for (size_t i = 0; i < attribute_count; ++i) {
    EncodeAttribute(span_link_field::kAttributes, link.attributes[i], writer);
  }
  if (attribute_count < link.attribute_count) {
    writer->Varint(span_link_field::kDroppedAttributesCount, link.attribute_count);
  }
  writer->Fixed32(span_link_field::kFlags, link.context.trace_flags);
  writer->End(mark);
  return writer->ok();
}

}  // namespace

void ClearBody(SpanSlot* slot) {
  slot->body_size = 0;
  slot->attribute_count = 0;
  slot->keys = 0;
  slot->bare.reset();
}

size_t AppendShortAttributes(AttributeList list, SpanSlot* slot) {
  char* to = slot->body + slot->body_size;
  const char* const last = slot->body + SpanSlot::kBodyBytes - kShortAttributeBytes;
  const size_t most = std::min(list.count, limits::kAttributes - slot->attribute_count);
  const sluice_attribute* const end = list.items + most;
  const sluice_attribute* next = list.items;
  uint64_t keys = slot->keys;
  for (; next != end && to <= last; ++next) {
    if (!HasShortKey(*next)) break;
    const uint64_t before = keys;
    keys |= KeyBit({next->key.data, next->key.size});
    if (keys == before) break;
    char* const behind = PutShortAttribute(*next, to);
    if (behind == nullptr) {
      keys = before;
      break;
    }
    to = behind;
  }
  const auto count = static_cast<size_t>(next - list.items);
  slot->keys = keys;
  slot->body_size = static_cast<uint16_t>(to - slot->body);
  slot->attribute_count = static_cast<uint16_t>(slot->attribute_count + count);
  return count;
}

bool AppendAttribute(const sluice_attribute& attribute, SpanSlot* slot) {
  const std::string_view key = View(attribute.key);
  if ((slot->keys & KeyBit(key)) != 0) EraseAttribute(key, slot);
  if (slot->attribute_count == limits::kAttributes) return false;
  BufferWireWriter body = BodyWriter(slot);
  EncodeAttribute(span_field::kAttributes, attribute, &body);
  if (!Take(body, slot)) return false;
  if (attribute.type == SLUICE_BARE) slot->bare.set(slot->attribute_count);
  ++slot->attribute_count;
  slot->keys |= KeyBit(key);
  return true;
}

bool AppendEncoded(const EncodedAttributes& attributes, SpanSlot* slot) {
  if ((attributes.keys & slot->keys) != 0) EraseSameKeys(attributes, slot);
  if (slot->attribute_count + attributes.bits.size() > limits::kAttributes) return false;
  BufferWireWriter body = BodyWriter(slot);
  body.Raw(attributes.fields);
  if (!Take(body, slot)) return false;
  slot->attribute_count = static_cast<uint16_t>(slot->attribute_count + attributes.bits.size());
  slot->keys |= attributes.keys;
  return true;
}

bool AppendName(std::string_view name, SpanSlot* slot) {
  char* const to = slot->body + slot->body_size;
  if (name.size() < 0x80 && slot->body_size <= SpanSlot::kBodyBytes - 0x82) [[likely]] {
    to[0] = static_cast<char>(WireTag(span_field::kName, WireType::kBytes));
    to[1] = static_cast<char>(name.size());
    CopyShort(to + 2, name.data(), name.size());
    slot->body_size = static_cast<uint16_t>(slot->body_size + 2 + name.size());
    return true;
  }
  BufferWireWriter body = BodyWriter(slot);
  WriteSpanName(body, CutText(name, kNameBytes));
  return Take(body, slot);
}

bool AppendStatus(sluice_status status, std::string_view message, SpanSlot* slot) {
  BufferWireWriter body = BodyWriter(slot);
  WriteSpanStatus(body, static_cast<StatusCode>(static_cast<unsigned>(status) & 3),
                  CutText(message, kStatusMessageBytes));
  return Take(body, slot);
}

// A call also where its caller is flat: within the start of a span it would be half a megabyte.
[[gnu::noinline]] bool AppendLink(const sluice_link& link, SpanSlot* slot) {
  BufferWireWriter whole = BodyWriter(slot);
  if (WriteLink(link, link.attribute_count, &whole)) return Take(whole, slot);
  if (slot->body_size != 0) return false;
  BufferWireWriter bare = BodyWriter(slot);
  return WriteLink(link, 0, &bare) && Take(bare, slot);
}

}  // namespace sluice
