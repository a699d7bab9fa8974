#include "proto/text/columns.h"

#include "proto/text/code_point_ranges.h"

namespace sluice {
namespace {

constexpr CodePointRange kWide[] = {
#include "proto/text/wide_ranges.inc"
};

constexpr CodePointRange kCombining[] = {
#include "proto/text/combining_ranges.inc"
};

}  // namespace

size_t ColumnsOf(char32_t code_point) {
  if (Contains(kCombining, code_point)) return 0;
  return Contains(kWide, code_point) ? 2 : 1;
}

}  // namespace sluice
