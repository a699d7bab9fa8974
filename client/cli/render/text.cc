#include "client/cli/render/text.h"

#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "proto/text/color.h"
#include "proto/text/columns.h"
#include "proto/text/escape.h"
#include "proto/wire/utf8.h"

namespace sluice::cli {
namespace {

constexpr uint64_t kMicrosecond = 1'000;
constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kSecond = 1'000'000'000;

template <typename... Arguments>
std::string Format(const char* format, Arguments... arguments) {
  std::array<char, 64> buffer;
  std::snprintf(buffer.data(), buffer.size(), format, arguments...);
  return buffer.data();
}

// `value` in units of `unit`, with three digits in all.
std::string ThreeDigits(uint64_t value, uint64_t unit, const char* name) {
  const double amount = static_cast<double>(value) / static_cast<double>(unit);
  const int decimals = amount < 9.995 ? 2 : amount < 99.95 ? 1 : 0;
  return Format("%.*f %s", decimals, amount, name);
}

size_t StdoutWidth() {
  if (const char* const columns = std::getenv("COLUMNS")) {
    const long width = std::strtol(columns, nullptr, 10);
    if (width > 0 && width < 10'000) return static_cast<size_t>(width);
  }
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

bool LocaleIsUtf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* const value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view locale = value;
    const size_t dot = locale.find('.');
    if (dot == std::string_view::npos) return false;
    const std::string codeset(locale.substr(dot + 1, locale.find('@') - dot - 1));
    return strcasecmp(codeset.c_str(), "UTF-8") == 0 || strcasecmp(codeset.c_str(), "utf8") == 0;
  }
  return false;
}

// One code point, or a change of colour, which takes no column.
struct Piece {
  size_t end = 0;
  size_t columns = 0;
};

Piece PieceAt(std::string_view text, size_t begin) {
  if (text[begin] == '\x1b') {
    const size_t end = text.find('m', begin);
    return {end == std::string_view::npos ? text.size() : end + 1, 0};
  }
  if (static_cast<unsigned char>(text[begin]) < 0x80) return {begin + 1, 1};
  const Utf8Unit unit = DecodeUtf8(text.substr(begin));
  return {begin + unit.size, unit.valid ? ColumnsOf(unit.code_point) : 1};
}

// The bytes of `text` that take at most `width` columns.
size_t BytesWithin(std::string_view text, size_t width) {
  size_t end = 0;
  for (size_t columns = 0; end < text.size();) {
    const Piece piece = PieceAt(text, end);
    columns += piece.columns;
    if (columns > width) break;
    end = piece.end;
  }
  return end;
}

}  // namespace

TextStyle TextStyle::OfStdout() {
  return {.color = TakesColor(STDOUT_FILENO), .unicode = LocaleIsUtf8(), .width = StdoutWidth()};
}

std::string Painted(std::string_view color, std::string_view text, const TextStyle& style) {
  if (!style.color || text.empty()) return std::string(text);
  return std::string(color).append(text).append("\x1b[0m");
}

size_t TextWidth(std::string_view text) {
  size_t columns = 0;
  for (size_t at = 0; at < text.size();) {
    const Piece piece = PieceAt(text, at);
    columns += piece.columns;
    at = piece.end;
  }
  return columns;
}

std::string CutToWidth(std::string_view text, size_t width, const TextStyle& style) {
  if (TextWidth(text) <= width) return std::string(text);
  if (width == 0) return {};
  const std::string_view kept = text.substr(0, BytesWithin(text, width - 1));
  return std::string(kept).append(style.unicode ? "\u2026" : "~");
}

std::string Fold(std::string_view text, size_t indent, const TextStyle& style) {
  std::string out(indent, ' ');
  size_t taken = indent;
  while (style.width != 0 && TextWidth(text) + taken > style.width) {
    const size_t within = BytesWithin(text, style.width > taken ? style.width - taken : 1);
    // One that is wider than the line goes on it all the same.
    const size_t fits = within > 0 ? within : PieceAt(text, 0).end;
    size_t end = text.rfind(' ', fits);
    if (end == std::string_view::npos || end == 0) end = fits;
    out.append(text.substr(0, end));
    text.remove_prefix(end);
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    taken = indent + 2;
    if (text.empty()) return out;
    out += '\n' + std::string(taken, ' ');
  }
  return out.append(text);
}

std::string EscapeControls(std::string_view text) {
  std::string out;
  for (size_t backslash; (backslash = text.find('\\')) != std::string_view::npos;) {
    AppendEscaped(text.substr(0, backslash), &out);
    out += '\\';
    text.remove_prefix(backslash + 1);
  }
  AppendEscaped(text, &out);
  return out;
}

std::string QuoteIfNeeded(std::string_view text) {
  const bool plain = !text.empty() && text.find_first_of(" \"=\\") == std::string_view::npos;
  std::string out;
  if (plain) {
    AppendEscaped(text, &out);
  } else {
    AppendQuoted(text, &out);
  }
  return out;
}

std::string FormatDuration(uint64_t nanoseconds) {
  if (nanoseconds < kMicrosecond) {
    return Format("%llu ns", static_cast<unsigned long long>(nanoseconds));
  }
  if (nanoseconds < kMillisecond) return ThreeDigits(nanoseconds, kMicrosecond, "us");
  if (nanoseconds < kSecond) return ThreeDigits(nanoseconds, kMillisecond, "ms");
  const unsigned long long seconds = nanoseconds / kSecond;
  if (seconds < 60) return ThreeDigits(nanoseconds, kSecond, "s");
  if (seconds < 3600) return Format("%llum%02llus", seconds / 60, seconds % 60);
  return Format("%lluh%02llum", seconds / 3600, seconds / 60 % 60);
}

std::string FormatTime(uint64_t unix_nano) {
  if (unix_nano == 0) return "-";
  const time_t seconds = static_cast<time_t>(unix_nano / kSecond);
  tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> date;
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  return date.data() + Format(".%06uZ", static_cast<unsigned>(unix_nano % kSecond / kMicrosecond));
}

std::string FormatTimeOfDay(uint64_t unix_nano) {
  if (unix_nano == 0) return "-";
  const std::string time = FormatTime(unix_nano);
  const size_t begin = time.find('T') + 1;
  return time.substr(begin, time.size() - begin - 1);
}

std::string Counted(uint64_t count, std::string_view noun) {
  return std::to_string(count) + ' ' + std::string(noun) + (count == 1 ? "" : "s");
}

std::string FormatBytes(uint64_t bytes) {
  static constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return Format("%llu B", static_cast<unsigned long long>(bytes));
  double amount = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; amount >= 1023.95 && unit + 1 < kUnits.size(); ++unit) amount /= 1024;
  return Format("%.1f %s", amount, kUnits[unit]);
}

}  // namespace sluice::cli
