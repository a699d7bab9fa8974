#include "proto/wire/reader.h"

namespace sluice {
namespace {

constexpr int kMaxGroupDepth = 16;

}  // namespace

Varint ReadLongVarint(const char* begin, const char* end, int max_bytes) {
  uint64_t value = 0;
  for (int i = 0; i < max_bytes && begin != end; ++i) {
    const uint64_t byte = static_cast<unsigned char>(*begin++);
    if (i == 9 && byte > 1) return {};
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return {begin, value};
  }
  return {};
}

const char* SkipGroup(const char* begin, const char* end, uint32_t number, int depth) {
  if (depth > kMaxGroupDepth) return nullptr;
  while (begin != end) {
    const Varint tag = ReadVarint(begin, end, 5);
    if (tag.end == nullptr) return nullptr;
    if (tag.value == WireTag(number, WireType::kGroupEnd)) return tag.end;
    if ((tag.value & 7) == static_cast<uint32_t>(WireType::kGroup)) {
      if (tag.value > UINT32_MAX || tag.value < 8) return nullptr;
      begin = SkipGroup(tag.end, end, static_cast<uint32_t>(tag.value >> 3), depth + 1);
      if (begin == nullptr) return nullptr;
      continue;
    }
    WireReader field_reader({begin, static_cast<size_t>(end - begin)});
    WireField field;
    if (!field_reader.Next(&field)) return nullptr;
    begin = field_reader.position();
  }
  return nullptr;
}

}  // namespace sluice
