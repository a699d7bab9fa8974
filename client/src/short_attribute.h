// Writes attributes of spans that are short, as almost all are, in one pass: each of their lengths
// takes one byte, so that none has to be counted first.
#pragma once

#include <cstring>
#include <string_view>

#include "client/include/sluice/sluice.h"
#include "client/src/record_encoder.h"
#include "proto/record/field_numbers.h"
#include "proto/wire/writer.h"

namespace sluice {

// What it takes at most.
inline constexpr size_t kShortAttributeBytes = 128 + 2;

// `value_size` is that of the AnyValue, of which the type's tag is written.
inline char* PutShortHead(std::string_view key, uint32_t value_tag, size_t value_size, char* to) {
  to[0] = static_cast<char>(WireTag(span_field::kAttributes, WireType::kBytes));
  to[1] = static_cast<char>(4 + key.size() + value_size);
  to[2] = static_cast<char>(WireTag(key_value_field::kKey, WireType::kBytes));
  to[3] = static_cast<char>(key.size());
  CopyShort(to + 4, key.data(), key.size());
  to += 4 + key.size();
  to[0] = static_cast<char>(WireTag(key_value_field::kValue, WireType::kBytes));
  to[1] = static_cast<char>(value_size);
  to[2] = static_cast<char>(value_tag);
  return to + 3;
}

// Without it an attribute is not short, whatever its value.
inline bool HasShortKey(const sluice_attribute& attribute) {
  constexpr size_t kKeyBytes = 100;
  return attribute.key.data != nullptr && attribute.key.size - 1 < kKeyBytes;
}

// The end of what it wrote as field `attributes` of Span, where there is room; null: it is not
// short, or needs more than its field, as one that prints bare. It has a short key.
inline char* PutShortAttribute(const sluice_attribute& attribute, char* to) {
  constexpr size_t kTextBytes = 127 - 8;  // with the key
  const std::string_view key = {attribute.key.data, attribute.key.size};
  const auto& value = attribute.value;
  switch (attribute.type) {
    case SLUICE_STRING: {
      const std::string_view text = View(value.text);
      if (text.size() > kTextBytes - key.size()) return nullptr;
      to = PutShortHead(key, WireTag(any_value_field::kStringValue, WireType::kBytes),
                        2 + text.size(), to);
      *to++ = static_cast<char>(text.size());
      CopyShort(to, text.data(), text.size());
      return to + text.size();
    }
    case SLUICE_BOOL:
      to = PutShortHead(key, WireTag(any_value_field::kBoolValue, WireType::kVarint), 2, to);
      *to = value.boolean != 0 ? 1 : 0;
      return to + 1;
    case SLUICE_INT: {
      const auto number = static_cast<uint64_t>(value.integer);
      to = PutShortHead(key, WireTag(any_value_field::kIntValue, WireType::kVarint),
                        1 + VarintSize(number), to);
      return PutVarint(to, number);
    }
    case SLUICE_DOUBLE:
      to = PutShortHead(key, WireTag(any_value_field::kDoubleValue, WireType::kFixed64),
                        1 + sizeof(double), to);
      std::memcpy(to, &value.number, sizeof(double));
      return to + sizeof(double);
    default:
      return nullptr;
  }
}

}  // namespace sluice
