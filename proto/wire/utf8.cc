#include "proto/wire/utf8.h"

#include <algorithm>

namespace sluice {
namespace {

uint8_t ByteAt(std::string_view text, size_t i) { return static_cast<uint8_t>(text[i]); }

bool IsContinuation(uint8_t byte) { return (byte & 0xc0) == 0x80; }

// Table 3-7 of the Unicode standard: what a lead byte asks of the bytes after it.
struct Lead {
  size_t size = 0;  // 0: no lead byte
  uint8_t second_min = 0x80;
  uint8_t second_max = 0xbf;
};
Lead LeadOf(uint8_t byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xc2) return {0};
  if (byte < 0xe0) return {2};
  if (byte == 0xe0) return {3, 0xa0, 0xbf};
  if (byte == 0xed) return {3, 0x80, 0x9f};
  if (byte < 0xf0) return {3};
  if (byte == 0xf0) return {4, 0x90, 0xbf};
  if (byte < 0xf4) return {4};
  if (byte == 0xf4) return {4, 0x80, 0x8f};
  return {0};
}

// Bytes at the beginning of `text` that agree with `lead`.
size_t AgreeingBytes(std::string_view text, Lead lead) {
  const size_t wanted = std::min(lead.size, text.size());
  size_t size = 1;
  if (size < wanted && (ByteAt(text, 1) < lead.second_min || ByteAt(text, 1) > lead.second_max)) {
    return size;
  }
  while (size < wanted && IsContinuation(ByteAt(text, size))) ++size;
  return size;
}

char32_t Assemble(std::string_view unit) {
  if (unit.size() == 1) return ByteAt(unit, 0);
  char32_t code_point = ByteAt(unit, 0) & (0x7f >> unit.size());
  for (const char c : unit.substr(1))
    code_point = code_point << 6 | (static_cast<uint8_t>(c) & 0x3f);
  return code_point;
}

}  // namespace

Utf8Unit DecodeUtf8(std::string_view text) {
  const Lead lead = LeadOf(ByteAt(text, 0));
  const size_t size = AgreeingBytes(text, lead);
  if (size != lead.size) return {.size = size};
  return {.size = size, .code_point = Assemble(text.substr(0, size)), .valid = true};
}

bool IsValidNonAscii(std::string_view text) {
  while (!text.empty()) {
    const Utf8Unit unit = DecodeUtf8(text);
    if (!unit.valid) return false;
    text.remove_prefix(unit.size);
  }
  return true;
}

size_t Utf8Boundary(std::string_view text, size_t limit) {
  if (text.size() <= limit) return text.size();
  size_t boundary = limit;
  while (boundary > 0 && limit - boundary < 3 && IsContinuation(ByteAt(text, boundary))) --boundary;
  return IsContinuation(ByteAt(text, boundary)) ? limit : boundary;
}

void AppendValidUtf8(std::string_view text, std::string* out) {
  if (IsValidUtf8(text)) {
    out->append(text);
    return;
  }
  while (!text.empty()) {
    const Utf8Unit unit = DecodeUtf8(text);
    out->append(unit.valid ? text.substr(0, unit.size) : kReplacementCharacter);
    text.remove_prefix(unit.size);
  }
}

void AppendCodePoint(char32_t code_point, std::string* out) {
  const auto put = [out](char32_t byte) { out->push_back(static_cast<char>(byte)); };
  const auto put_low_bits = [&](int shift) { put(0x80 | (code_point >> shift & 0x3f)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xc0 | code_point >> 6);
    put_low_bits(0);
  } else if (code_point < 0x10000) {
    put(0xe0 | code_point >> 12);
    put_low_bits(6);
    put_low_bits(0);
  } else {
    put(0xf0 | code_point >> 18);
    put_low_bits(12);
    put_low_bits(6);
    put_low_bits(0);
  }
}

}  // namespace sluice
