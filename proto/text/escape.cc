#include "proto/text/escape.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "proto/text/code_point_ranges.h"
#include "proto/text/rust_debug.h"
#include "proto/wire/utf8.h"

namespace sluice {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

// Neither changed by any of the forms, nor part of a longer code point.
bool IsPlain(unsigned char c) { return c >= 0x20 && c < 0x7f && c != '\\' && c != '"'; }

constexpr CodePointRange kHidden[] = {
#include "proto/text/hidden_ranges.inc"
};

// Kept out of the loops, which seldom see such.
[[gnu::noinline]] bool IsHidden(char32_t c) { return Contains(kHidden, c); }

// Breaks a line, moves a cursor, turns the direction of writing, or cannot be seen.
bool IsDangerous(char32_t c) { return c < 0x7f ? c < 0x20 : IsHidden(c); }

void AppendCodePointEscape(char32_t c, std::string* out) {
  char digits[8];
  const auto end = std::to_chars(digits, digits + sizeof(digits), static_cast<uint32_t>(c), 16);
  out->append("\\u{").append(digits, end.ptr).push_back('}');
}

// The letter behind the backslash; 0: there is no short form.
char ShortForm(char32_t c) {
  switch (c) {
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '\0':
      return '0';
    case '\\':
      return '\\';
    default:
      return 0;
  }
}

void AppendEscapedBytes(std::string_view bytes, std::string* out) {
  for (const char byte : bytes) AppendEscapedByte(static_cast<unsigned char>(byte), out);
}

// Copies what is plain in runs. Anything else goes, one code point at a time, to
// `escape(code_point, its bytes)`, and bytes that are not UTF-8 to `escape_bad(bytes)`, a maximal
// invalid subpart at a time.
template <typename Escape, typename EscapeBad>
void Walk(std::string_view text, Escape escape, EscapeBad escape_bad, std::string* out) {
  while (!text.empty()) {
    size_t run = 0;
    while (run < text.size() && IsPlain(static_cast<unsigned char>(text[run]))) ++run;
    out->append(text.substr(0, run));
    text.remove_prefix(run);
    if (text.empty()) return;
    const Utf8Unit unit = DecodeUtf8(text);
    const std::string_view bytes = text.substr(0, unit.size);
    if (unit.valid) {
      escape(unit.code_point, bytes);
    } else {
      escape_bad(bytes);
    }
    text.remove_prefix(unit.size);
  }
}

void AppendBackslashForm(char32_t c, std::string* out) {
  if (const char letter = ShortForm(c); letter != 0) {
    out->append({'\\', letter});
  } else {
    AppendCodePointEscape(c, out);
  }
}

void AppendJsonUnit(uint32_t unit, std::string* out) {
  out->append("\\u");
  for (int shift = 12; shift >= 0; shift -= 4) out->push_back(kHexDigits[unit >> shift & 15]);
}

// Beyond U+FFFF in two, as UTF-16 has it.
void AppendJsonEscape(uint32_t c, std::string* out) {
  if (c == '\n' || c == '\r' || c == '\t') return AppendBackslashForm(c, out);
  if (c <= 0xffff) return AppendJsonUnit(c, out);
  AppendJsonUnit(0xd800 | (c - 0x10000) >> 10, out);
  AppendJsonUnit(0xdc00 | (c & 0x3ff), out);
}

bool TakeHex(std::string_view digits, uint32_t* value) {
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), *value, 16);
  return !digits.empty() && error == std::errc() && end == digits.data() + digits.size();
}

// Decodes what follows a backslash and returns how many bytes it was; 0: not of ours.
size_t UnescapeOne(std::string_view rest, std::string* out) {
  static constexpr std::string_view kLetters = "nrt0\\\"";
  static constexpr std::string_view kMeanings("\n\r\t\0\\\"", 6);
  if (rest.empty()) return 0;
  if (const size_t at = kLetters.find(rest[0]); at != std::string_view::npos) {
    out->push_back(kMeanings[at]);
    return 1;
  }
  uint32_t value = 0;
  if (rest[0] == 'x' && rest.size() >= 3 && TakeHex(rest.substr(1, 2), &value)) {
    out->push_back(static_cast<char>(value));
    return 3;
  }
  const size_t close = rest.find('}');
  const bool braced = rest.starts_with("u{") && close != std::string_view::npos;
  if (!braced || !TakeHex(rest.substr(2, close - 2), &value) || value > 0x10ffff) return 0;
  AppendCodePoint(value, out);
  return close + 1;
}

}  // namespace

bool IsPlainText(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return IsPlain(static_cast<unsigned char>(c)); });
}

void AppendEscapedByte(unsigned char byte, std::string* out) {
  out->append({'\\', 'x', kHexDigits[byte >> 4], kHexDigits[byte & 15]});
}

void AppendEscaped(std::string_view text, std::string* out) {
  const auto escape = [out](char32_t c, std::string_view bytes) {
    if (c == '\\' || IsDangerous(c)) {
      AppendBackslashForm(c, out);
    } else {
      out->append(bytes);
    }
  };
  Walk(
      text, escape, [out](std::string_view bad) { AppendEscapedBytes(bad, out); }, out);
}

void AppendEscapedKey(std::string_view text, std::string* out) {
  static constexpr std::string_view kStructure = " \"={}";
  while (true) {
    const size_t at = text.find_first_of(kStructure);
    AppendEscaped(text.substr(0, at), out);
    if (at == std::string_view::npos) return;
    AppendEscapedByte(static_cast<unsigned char>(text[at]), out);
    text.remove_prefix(at + 1);
  }
}

void AppendQuoted(std::string_view text, std::string* out) {
  const auto escape = [out](char32_t c, std::string_view bytes) {
    if (c == '"') {
      out->append("\\\"");
    } else if (c == '\\' || IsEscapedByRust(c) || IsDangerous(c)) {
      AppendBackslashForm(c, out);
    } else {
      out->append(bytes);
    }
  };
  out->push_back('"');
  Walk(
      text, escape, [out](std::string_view bad) { AppendEscapedBytes(bad, out); }, out);
  out->push_back('"');
}

void AppendJsonString(std::string_view text, std::string* out) {
  const auto escape = [out](char32_t c, std::string_view bytes) {
    if (c == '"' || c == '\\') {
      out->append({'\\', static_cast<char>(c)});
    } else if (IsDangerous(c)) {
      AppendJsonEscape(c, out);
    } else {
      out->append(bytes);
    }
  };
  out->push_back('"');
  Walk(
      text, escape, [out](std::string_view) { AppendCodePoint(0xfffd, out); }, out);
  out->push_back('"');
}

void AppendJsonShowingAll(std::string_view json, std::string* out) {
  const auto escape = [out](char32_t c, std::string_view bytes) {
    if (c >= 0x7f && IsHidden(c)) {
      AppendJsonEscape(c, out);
    } else {
      out->append(bytes);
    }
  };
  Walk(
      json, escape, [out](std::string_view bytes) { out->append(bytes); }, out);
}

std::optional<std::string> Unescape(std::string_view escaped) {
  std::string out;
  while (true) {
    const size_t at = escaped.find('\\');
    out.append(escaped.substr(0, at));
    if (at == std::string_view::npos) return out;
    const size_t taken = UnescapeOne(escaped.substr(at + 1), &out);
    if (taken == 0) return std::nullopt;
    escaped.remove_prefix(at + 1 + taken);
  }
}

}  // namespace sluice
