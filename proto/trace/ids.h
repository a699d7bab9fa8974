// Trace and span ids: value types and their text. Generation is the client's (client/src).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "proto/record/limits.h"

namespace sluice {

// A fixed number of bytes; all zero means "none".
template <size_t kSize>
struct Id {
  std::array<uint8_t, kSize> bytes{};

  // From exactly kSize raw bytes; nullopt for any other size. Zero bytes are allowed here.
  static std::optional<Id> FromBytes(std::string_view raw) {
    if (raw.size() != kSize) return std::nullopt;
    Id id;
    std::memcpy(id.bytes.data(), raw.data(), kSize);
    return id;
  }

  // From exactly 2 * kSize hexadecimal digits of either case.
  static std::optional<Id> FromHex(std::string_view hex) {
    if (hex.size() != 2 * kSize) return std::nullopt;
    Id id;
    for (size_t i = 0; i < kSize; ++i) {
      const int high = HexDigit(hex[2 * i]);
      const int low = HexDigit(hex[2 * i + 1]);
      if (high < 0 || low < 0) return std::nullopt;
      id.bytes[i] = static_cast<uint8_t>(high << 4 | low);
    }
    return id;
  }

  bool IsZero() const {
    static_assert(kSize == 1 || kSize % 8 == 0);
    uint64_t any = 0;
    for (size_t i = 0; i < kSize; i += 8) {
      uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i, std::min<size_t>(kSize, 8));
      any |= word;
    }
    return any == 0;
  }

  std::string_view raw() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  // 2 * kSize lower-case digits.
  std::string ToHex() const {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string hex(2 * kSize, '\0');
    for (size_t i = 0; i < kSize; ++i) {
      hex[2 * i] = kDigits[bytes[i] >> 4];
      hex[2 * i + 1] = kDigits[bytes[i] & 15];
    }
    return hex;
  }

  auto operator<=>(const Id&) const = default;

 private:
  static int HexDigit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  }
};

using TraceId = Id<limits::kTraceIdBytes>;
using SpanId = Id<limits::kSpanIdBytes>;
using ClientId = Id<limits::kClientIdBytes>;

// For absl's and std's hash containers.
template <typename H, size_t kSize>
H AbslHashValue(H h, const Id<kSize>& id) {
  return H::combine(std::move(h), id.bytes);
}

}  // namespace sluice
