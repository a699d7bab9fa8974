// Protobuf's wire format: types, tags and sizes, for wire_reader.h and wire_writer.h. The format:
// https://protobuf.dev/programming-guides/encoding/.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace sluice {

// Numbers are read and written by memcpy.
static_assert(std::endian::native == std::endian::little);

enum class WireType : uint32_t { kVarint = 0, kFixed64, kBytes, kGroup, kGroupEnd, kFixed32 };

// A field's number and type in one word, as it stands on the wire: `switch (field.tag) { case
// WireTag(9, WireType::kBytes): ...`.
constexpr uint32_t WireTag(uint32_t number, WireType type) {
  return number << 3 | static_cast<uint32_t>(type);
}

constexpr size_t VarintSize(uint64_t value) {
  return static_cast<size_t>(std::bit_width(value | 1) * 9 + 64) / 64;
}

constexpr size_t TagSize(uint32_t number) { return VarintSize(uint64_t{number} << 3); }
// A whole length-delimited field of `size` bytes of content.
constexpr size_t BytesFieldSize(uint32_t number, size_t size) {
  return TagSize(number) + VarintSize(size) + size;
}

}  // namespace sluice
