// Encodes attributes (OTLP KeyValue) as one field each, every length known beforehand, so that
// nothing is patched or moved. Arrays and maps: BasicWireWriter::Begin and End.
#pragma once

#include <cstdint>
#include <string_view>

#include "proto/record/field_numbers.h"
#include "proto/wire/writer.h"

namespace sluice {

// The beginning of KeyValue field `number` whose AnyValue the caller writes next in exactly
// `value_size` bytes.
template <typename Sink>
void WriteAttributeHeader(BasicWireWriter<Sink>& writer, uint32_t number, std::string_view key,
                          size_t value_size) {
  writer.BytesHeader(number, BytesFieldSize(key_value_field::kKey, key.size()) +
                                 BytesFieldSize(key_value_field::kValue, value_size));
  writer.Bytes(key_value_field::kKey, key);
  writer.BytesHeader(key_value_field::kValue, value_size);
}

template <typename Sink>
void WriteStringAttribute(BasicWireWriter<Sink>& writer, uint32_t number, std::string_view key,
                          std::string_view value) {
  WriteAttributeHeader(writer, number, key,
                       BytesFieldSize(any_value_field::kStringValue, value.size()));
  writer.Bytes(any_value_field::kStringValue, value);
}

template <typename Sink>
void WriteBytesAttribute(BasicWireWriter<Sink>& writer, uint32_t number, std::string_view key,
                         std::string_view value) {
  WriteAttributeHeader(writer, number, key,
                       BytesFieldSize(any_value_field::kBytesValue, value.size()));
  writer.Bytes(any_value_field::kBytesValue, value);
}

template <typename Sink>
void WriteBoolAttribute(BasicWireWriter<Sink>& writer, uint32_t number, std::string_view key,
                        bool value) {
  WriteAttributeHeader(writer, number, key, 2);
  writer.Varint(any_value_field::kBoolValue, value);
}

template <typename Sink>
void WriteIntAttribute(BasicWireWriter<Sink>& writer, uint32_t number, std::string_view key,
                       int64_t value) {
  WriteAttributeHeader(writer, number, key, 1 + VarintSize(static_cast<uint64_t>(value)));
  writer.Varint(any_value_field::kIntValue, static_cast<uint64_t>(value));
}

template <typename Sink>
void WriteDoubleAttribute(BasicWireWriter<Sink>& writer, uint32_t number, std::string_view key,
                          double value) {
  WriteAttributeHeader(writer, number, key, 1 + sizeof(value));
  writer.Double(any_value_field::kDoubleValue, value);
}

}  // namespace sluice
