// Text and numbers as Rust's `{:?}` prints them, which azure-init's lines are made of.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

// In quotes. `"`, `\`, tab, LF, CR and NUL by backslash; `\u{hex}` for what Rust takes for not
// printable or for extending a grapheme (Unicode 14.0). Bytes that are not UTF-8 print as U+FFFD.
void AppendRustDebug(std::string_view text, std::string* out);

// The shortest digits that read back the same, with `.0` on whole numbers; an exponent from 1e16 up
// and below 1e-4; `NaN`, `inf`, `-inf`.
void AppendRustDebug(double value, std::string* out);

// Whether Rust escapes this code point in a string's Debug text.
bool IsEscapedByRust(char32_t code_point);

}  // namespace sluice
