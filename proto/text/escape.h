// Text from elsewhere, made fit for one line of a log or a terminal: reversible, so nothing is
// lost, and nothing in it can begin a new line, move a cursor, turn the direction of writing or
// stand there unseen.
//
// Escaped: C0, DEL and C1 controls, all format characters and whatever else Unicode has shown as
// nothing (hidden_ranges.py; among them the bidi controls, U+2028, U+FEFF, U+200B, tag characters),
// and the backslash, as `\n`, `\r`, `\t`, `\0`, `\\`, else `\u{hex}`; each byte that is not UTF-8
// as `\xNN`.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice {

// Whether every form below leaves the text as it is, apart from quotes around it and what
// AppendEscapedKey does to structure. False of any text beyond ASCII.
bool IsPlainText(std::string_view text);

// For text that prints as it is: messages, names, values without quotes.
void AppendEscaped(std::string_view text, std::string* out);

// For keys: as AppendEscaped, and blank, `"`, `=`, `{`, `}` as `\xNN`.
void AppendEscapedKey(std::string_view text, std::string* out);

// One byte as `\xNN`, whatever it is.
void AppendEscapedByte(unsigned char byte, std::string* out);

// In quotes, with `"` escaped too: what Rust's `{:?}` prints of valid text (rust_debug.h), which
// escapes more than AppendEscaped does, but for a few hidden letters (U+3164), which are here too.
void AppendQuoted(std::string_view text, std::string* out);

// A JSON string with its quotes, which every parser reads. The same set of characters becomes `\n`,
// `\r`, `\t`, `\uXXXX`, or two of those. What is not UTF-8 becomes U+FFFD, and so is not
// reversible.
void AppendJsonString(std::string_view text, std::string* out);

// JSON with the characters of that set that its strings hold as `\uXXXX`, so that it means the
// same.
void AppendJsonShowingAll(std::string_view json, std::string* out);

// The text that AppendEscaped or AppendEscapedKey, or AppendQuoted between its quotes, was given;
// nullopt: none of them wrote this.
std::optional<std::string> Unescape(std::string_view escaped);

}  // namespace sluice
