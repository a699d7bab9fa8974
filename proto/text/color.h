// Whether to write in colour.
#pragma once

namespace sluice {

// Whether the descriptor is a terminal with colour: TERM names one other than `dumb`, and NO_COLOR
// is unset or empty (no-color.org).
bool TakesColor(int fd);

}  // namespace sluice
