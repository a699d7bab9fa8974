// A cursor that a reader hands back: what is taken is written again as it came.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/control/line_cursor.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto cursor = sluice::control::ParseCursor(text);
  if (!cursor) return 0;
  const auto again = sluice::control::ParseCursor(sluice::control::FormatCursor(*cursor));
  if (!again || again->epoch != cursor->epoch || again->next != cursor->next) std::abort();
  return 0;
}
