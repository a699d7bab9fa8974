// Tables of code points, as their generators beside them print them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

namespace sluice {

struct CodePointRange {
  uint32_t first;
  uint32_t last;
};

// `ranges` in ascending order.
inline bool Contains(std::span<const CodePointRange> ranges, char32_t code_point) {
  const auto range =
      std::lower_bound(ranges.begin(), ranges.end(), code_point,
                       [](const CodePointRange& r, char32_t point) { return r.last < point; });
  return range != ranges.end() && range->first <= code_point;
}

}  // namespace sluice
