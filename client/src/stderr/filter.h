// What SLUICE_STDERR says: `warn,app=debug,app::db=off`.
#pragma once

#include <string>
#include <string_view>

#include "client/src/level_table.h"

namespace sluice {

// Pieces separated by commas: a level (of all targets), `target=level`, or a target alone, of which
// everything is meant. A target covers all that begin with it; the longest decides, and of two for
// the same the later. Levels are error, warn, info, debug, trace and off, in any case; what no
// piece covers is off. `*unread` is the first piece that is none of these, empty where all could be
// read.
LevelTable ParseStderrFilter(std::string_view text, std::string* unread);

}  // namespace sluice
