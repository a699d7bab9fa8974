// The body of an open span: its encoded fields that no record has taken yet. It is a row of fields
// of Span in the slot, with no more than the slot has room for.
//
// All by who holds the slot. Where they return false the body has no room for what they were to
// add.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "client/include/sluice/sluice.h"
#include "client/src/record_encoder.h"
#include "client/src/span_slot.h"

namespace sluice {

// What is longer is cut.
inline constexpr size_t kNameBytes = 256;
inline constexpr size_t kStatusMessageBytes = 256;

void ClearBody(SpanSlot* slot);

// An attribute of the same key that is still in the body goes: of a key set twice the last value is
// what travels.
bool AppendAttribute(const sluice_attribute& attribute, SpanSlot* slot);

// Appends the first of the list as long as each is short, new and finds room, at little cost; how
// many. The others are for AppendAttribute.
size_t AppendShortAttributes(AttributeList list, SpanSlot* slot);

// Attributes encoded before, as fields of Span, each key once. They replace those of the same keys
// that are still in the body.
struct EncodedAttributes {
  std::string_view fields;
  std::span<const uint64_t> bits;  // KeyBit of each
  uint64_t keys = 0;               // all of these
};
bool AppendEncoded(const EncodedAttributes& attributes, SpanSlot* slot);

// One bit of 64 for a key: bodies remember which they hold, so that a key seen first costs no
// search.
inline uint64_t KeyBit(std::string_view key) {
  if (key.empty()) [[unlikely]]
    return 1;
  const auto first = static_cast<unsigned char>(key.front());
  const auto last = static_cast<unsigned char>(key.back());
  return uint64_t{1} << ((key.size() + 5 * first + last) & 63);
}

// Of a name or status given twice the last one counts.
bool AppendName(std::string_view name, SpanSlot* slot);
bool AppendStatus(sluice_status status, std::string_view message, SpanSlot* slot);
// Its attributes are left out, and counted in the link, where they are too long for any body.
bool AppendLink(const sluice_link& link, SpanSlot* slot);

}  // namespace sluice
