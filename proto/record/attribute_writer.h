// Encodes attributes (OTLP KeyValue) as one field each, every length known beforehand, so that
// nothing is patched or moved. Arrays and maps: BasicWireWriter::Begin and End.
#pragma once

#include <cstdint>
#include <string_view>

#include "proto/wire/writer.h"

namespace sluice {

// Field numbers of KeyValue and AnyValue.
namespace any_value {
inline constexpr uint32_t kKey = 1;
inline constexpr uint32_t kValue = 2;
inline constexpr uint32_t kString = 1;
inline constexpr uint32_t kBool = 2;
inline constexpr uint32_t kInt = 3;
inline constexpr uint32_t kDouble = 4;
inline constexpr uint32_t kArray = 5;
inline constexpr uint32_t kMap = 6;
inline constexpr uint32_t kBytes = 7;
}  // namespace any_value

// The beginning of KeyValue field `number` whose AnyValue the caller writes next in exactly
// `value_size` bytes.
template <typename Sink>
void WriteAttributeHeader(BasicWireWriter<Sink>& writer, uint32_t number, std::string_view key,
                          size_t value_size) {
  writer.BytesHeader(number, BytesFieldSize(any_value::kKey, key.size()) +
                                 BytesFieldSize(any_value::kValue, value_size));
  writer.Bytes(any_value::kKey, key);
  writer.BytesHeader(any_value::kValue, value_size);
}

template <typename Sink>
void WriteStringAttribute(BasicWireWriter<Sink>& writer, uint32_t number, std::string_view key,
                          std::string_view value) {
  WriteAttributeHeader(writer, number, key, BytesFieldSize(any_value::kString, value.size()));
  writer.Bytes(any_value::kString, value);
}

template <typename Sink>
void WriteBytesAttribute(BasicWireWriter<Sink>& writer, uint32_t number, std::string_view key,
                         std::string_view value) {
  WriteAttributeHeader(writer, number, key, BytesFieldSize(any_value::kBytes, value.size()));
  writer.Bytes(any_value::kBytes, value);
}

template <typename Sink>
void WriteBoolAttribute(BasicWireWriter<Sink>& writer, uint32_t number, std::string_view key,
                        bool value) {
  WriteAttributeHeader(writer, number, key, 2);
  writer.Varint(any_value::kBool, value);
}

template <typename Sink>
void WriteIntAttribute(BasicWireWriter<Sink>& writer, uint32_t number, std::string_view key,
                       int64_t value) {
  WriteAttributeHeader(writer, number, key, 1 + VarintSize(static_cast<uint64_t>(value)));
  writer.Varint(any_value::kInt, static_cast<uint64_t>(value));
}

template <typename Sink>
void WriteDoubleAttribute(BasicWireWriter<Sink>& writer, uint32_t number, std::string_view key,
                          double value) {
  WriteAttributeHeader(writer, number, key, 1 + sizeof(value));
  writer.Double(any_value::kDouble, value);
}

}  // namespace sluice
