// UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sluice {

// U+FFFD.
inline constexpr std::string_view kReplacementCharacter = "\xef\xbf\xbd";

// What stands at the beginning of a text.
struct Utf8Unit {
  size_t size = 0;  // bytes of the code point or, where invalid, of the maximal invalid subpart
  char32_t code_point = 0;  // where valid
  bool valid = false;
};
// `text` is not empty.
Utf8Unit DecodeUtf8(std::string_view text);

inline bool IsAscii(std::string_view text) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  const char* at = text.data();
  const size_t size = text.size();
  uint64_t seen = 0;
  uint64_t word;
  if (size < 8) {
    for (size_t i = 0; i < size; ++i) seen |= static_cast<unsigned char>(at[i]);
    return (seen & kHighBits) == 0;
  }
  const char* const last = at + size - 8;
  // Most of a long text four words at a time: one after the other they would wait for each other.
  for (uint64_t words[4]; last - at >= 32; at += 32) {
    std::memcpy(words, at, 32);
    seen |= (words[0] | words[1]) | (words[2] | words[3]);
  }
  for (; at < last; at += 8) {
    std::memcpy(&word, at, 8);
    seen |= word;
  }
  std::memcpy(&word, text.data() + size - 8, 8);
  return ((seen | word) & kHighBits) == 0;
}

bool IsValidNonAscii(std::string_view text);
inline bool IsValidUtf8(std::string_view text) { return IsAscii(text) || IsValidNonAscii(text); }

// The largest size <= `limit` that cuts no code point of `text` in two; `text.size()` where that is
// within the limit. Of bytes that are not UTF-8 it may cut anywhere.
size_t Utf8Boundary(std::string_view text, size_t limit);

// Appends `text`, each maximal invalid subpart as one U+FFFD (Unicode 3.9, as WHATWG decodes).
void AppendValidUtf8(std::string_view text, std::string* out);

// The UTF-8 form of a code point.
void AppendCodePoint(char32_t code_point, std::string* out);

}  // namespace sluice
