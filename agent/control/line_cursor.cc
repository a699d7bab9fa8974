#include "agent/control/line_cursor.h"

#include <charconv>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace sluice::control {
namespace {

constexpr size_t kEpochDigits = 32;

bool IsHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// `.` and a number, taken off the front.
template <typename Number>
bool TakeNumber(std::string_view* text, Number* number) {
  if (!text->starts_with('.')) return false;
  const char* const end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data() + 1, end, *number);
  text->remove_prefix(static_cast<size_t>(rest - text->data()));
  return error == std::errc();
}

}  // namespace

std::string FormatCursor(const LineCursor& cursor) {
  std::string text = absl::StrCat(absl::BytesToHexString(cursor.epoch), ".", cursor.next.sequence,
                                  ".", cursor.next.index);
  if (cursor.next.event != 0) absl::StrAppend(&text, ".", cursor.next.event);
  return text;
}

std::optional<LineCursor> ParseCursor(std::string_view text) {
  const std::string epoch(text.substr(0, kEpochDigits));
  if (epoch.size() != kEpochDigits || !IsHex(epoch)) return std::nullopt;
  text.remove_prefix(kEpochDigits);
  LineCursor cursor{absl::HexStringToBytes(epoch), {}};
  const bool is_whole = TakeNumber(&text, &cursor.next.sequence) &&
                        TakeNumber(&text, &cursor.next.index) &&
                        (text.empty() || TakeNumber(&text, &cursor.next.event)) && text.empty();
  if (!is_whole) return std::nullopt;
  return cursor;
}

}  // namespace sluice::control
