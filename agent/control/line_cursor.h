// A place between two lines of the journal, as text that a reader keeps and hands back.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::control {

// The line that comes next: the `index`th of the journal entry `sequence`. A record has room for
// two lines, a span's beginning and its end; behind the first are those of the events within the
// span, counted from 1.
struct LinePlace {
  uint64_t sequence = 0;
  uint32_t index = 0;
  uint32_t event = 0;

  auto operator<=>(const LinePlace&) const = default;
};

struct LineCursor {
  std::string epoch;  // Journal::epoch
  LinePlace next;
};

// `EPOCH.SEQUENCE.INDEX`, or with `.EVENT` where that is not 0; the epoch in hexadecimal.
std::string FormatCursor(const LineCursor& cursor);
// nullopt: FormatCursor did not write this.
std::optional<LineCursor> ParseCursor(std::string_view text);

}  // namespace sluice::control
