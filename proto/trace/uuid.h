// UUIDs: their text, and ones that are computed instead of drawn, so that the same input names the
// same record on every replay.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/trace/ids.h"

namespace sluice {

using Uuid = Id<16>;

// Marks 16 random bytes as a UUID of version 4, so that a trace id is one wherever it is read as
// such. 122 bits stay random, among them the last 56, of which W3C's flag speaks.
inline void ShapeAsUuid4(Uuid* id) {
  id->bytes[6] = static_cast<uint8_t>((id->bytes[6] & 0x0f) | 0x40);
  id->bytes[8] = static_cast<uint8_t>((id->bytes[8] & 0x3f) | 0x80);
}

// From 36 characters, hexadecimal digits of either case and hyphens.
std::optional<Uuid> ParseUuid(std::string_view text);
// Lower case with hyphens.
std::string FormatUuid(const Uuid& uuid);

// SipHash-2-4 with 128 bits of output (Aumasson, Bernstein). Who does not know the key cannot aim
// at a collision.
std::array<uint8_t, 16> SipHash128(const std::array<uint8_t, 16>& key, std::string_view message);

// Text of the shape of a version 4 UUID: SipHash128 keyed by the journal's epoch over (sequence,
// part) and, where it is not 0, `event`, little-endian, version and variant bits then set. 122
// bits: among 2^32 of them a chance collision has a probability of 2^-59.
std::string DeriveUuid(const std::array<uint8_t, 16>& epoch, uint64_t sequence, uint32_t part,
                       uint32_t event = 0);

}  // namespace sluice
