// Pieces of what people read: text that cannot move the cursor, durations, times, and how much the
// terminal can show.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace sluice::cli {

// Where text goes piece by piece, so that a large one is never held whole.
using TextSink = std::function<void(std::string_view text)>;

// Escape sequences that begin a colour.
inline constexpr std::string_view kRed = "\x1b[31m";
inline constexpr std::string_view kGreen = "\x1b[32m";
inline constexpr std::string_view kYellow = "\x1b[33m";
inline constexpr std::string_view kBold = "\x1b[1m";
inline constexpr std::string_view kDim = "\x1b[2m";

// What the reader's terminal can show.
struct TextStyle {
  bool color = false;
  bool unicode = false;  // false: ASCII alone in what we draw
  size_t width = 0;      // columns of a line; 0: any number

  // Colour where stdout takes it; Unicode where the locale's codeset is UTF-8; the terminal's
  // width, or that of COLUMNS where it is set.
  static TextStyle OfStdout();
};

// `text` in that colour, where the style has colours.
std::string Painted(std::string_view color, std::string_view text, const TextStyle& style);

// line_escape.h's form, in which nothing moves the cursor, except that a backslash stays as it is.
std::string EscapeControls(std::string_view text);

// line_escape.h's form; in quotes where the text is empty or holds a space, a quote, a backslash or
// an equals sign.
std::string QuoteIfNeeded(std::string_view text);

// Three digits where the unit allows: `850 ns`, `12.3 us`, `4.52 ms`, `1.20 s`, `2m05s`, `3h02m`.
std::string FormatDuration(uint64_t nanoseconds);

// `2026-11-20T09:27:53.502904Z`; `-` for 0, which means not known.
std::string FormatTime(uint64_t unix_nano);
// `09:27:53.502904`; `-` for 0.
std::string FormatTimeOfDay(uint64_t unix_nano);

// Columns that text takes on a terminal: proto/text/columns.h of each code point, and none for our
// changes of colour.
size_t TextWidth(std::string_view text);
// No wider than that: what is cut off ends in an ellipsis, as the style can draw it.
std::string CutToWidth(std::string_view text, size_t width, const TextStyle& style);

// `text` after `indent` spaces; what does not fit the style's width goes on in lines that stand two
// columns further right, broken at spaces where there are some. Without a line feed at the end.
std::string Fold(std::string_view text, size_t indent, const TextStyle& style);

// `1 span`, `12 spans`.
std::string Counted(uint64_t count, std::string_view noun);

// `1.5 MiB`, `512 B`.
std::string FormatBytes(uint64_t bytes);

}  // namespace sluice::cli
