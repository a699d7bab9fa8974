#include "proto/text/rust_debug.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>

#include "proto/text/code_point_ranges.h"
#include "proto/wire/utf8.h"

namespace sluice {
namespace {

constexpr CodePointRange kEscaped[] = {
#include "proto/text/rust_escape_ranges.inc"
};

// After the backslash; NUL where there is no such form.
char ShortEscape(char32_t code_point) {
  switch (code_point) {
    case '"':
    case '\\':
      return static_cast<char>(code_point);
    case '\t':
      return 't';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\0':
      return '0';
    default:
      return '\0';
  }
}

void AppendUnicodeEscape(char32_t code_point, std::string* out) {
  char digits[8];
  const auto end =
      std::to_chars(digits, digits + sizeof(digits), static_cast<uint32_t>(code_point), 16);
  out->append("\\u{").append(digits, end.ptr).push_back('}');
}

// `encoded` is the UTF-8 form of `code_point`.
void AppendDebugCharacter(char32_t code_point, std::string_view encoded, std::string* out) {
  if (const char escape = ShortEscape(code_point); escape != '\0') {
    out->append({'\\', escape});
  } else if (IsEscapedByRust(code_point)) {
    AppendUnicodeEscape(code_point, out);
  } else {
    out->append(encoded);
  }
}

// Turns C++'s exponent, a sign and at least two digits, into Rust's: `1e+21` into `1e21`.
void AppendExponential(std::string_view text, std::string* out) {
  const size_t exponent = text.find('e') + 1;
  out->append(text.substr(0, exponent));
  if (text[exponent] == '-') out->push_back('-');
  const size_t digits = text.find_first_not_of("+-0", exponent);
  out->append(text.substr(digits));
}

}  // namespace

bool IsEscapedByRust(char32_t code_point) {
  if (code_point < 0x7f) return code_point < ' ';
  return Contains(kEscaped, code_point);
}

void AppendRustDebug(std::string_view text, std::string* out) {
  out->push_back('"');
  while (!text.empty()) {
    const Utf8Unit unit = DecodeUtf8(text);
    if (unit.valid) {
      AppendDebugCharacter(unit.code_point, text.substr(0, unit.size), out);
    } else {
      out->append(kReplacementCharacter);
    }
    text.remove_prefix(unit.size);
  }
  out->push_back('"');
}

void AppendRustDebug(double value, std::string* out) {
  if (std::isnan(value)) {
    out->append("NaN");
    return;
  }
  if (std::isinf(value)) {
    out->append(value < 0 ? "-inf" : "inf");
    return;
  }
  char buffer[32];
  const double size = std::fabs(value);
  const bool exponential = size != 0 && (size >= 1e16 || size < 1e-4);
  const auto end =
      std::to_chars(std::begin(buffer), std::end(buffer), value,
                    exponential ? std::chars_format::scientific : std::chars_format::fixed);
  const std::string_view digits(buffer, static_cast<size_t>(end.ptr - buffer));
  if (exponential) return AppendExponential(digits, out);
  out->append(digits);
  if (digits.find('.') == std::string_view::npos) out->append(".0");
}

}  // namespace sluice
