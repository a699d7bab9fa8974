// Which levels anybody wants, by target: the agent's hint. What nobody wants is not encoded.
#pragma once

#include <string_view>

#include "client/src/level_table.h"

namespace sluice {

// The table in force; at first everything is wanted. Thread-safe; reading costs a load or two.
bool IsWanted(Level level, std::string_view target);
// Replaces it. By the sender only.
void SetWantedLevels(LevelTable table);
// Who is told after each change, instead of who was; null: nobody.
void OnWantedChange(void (*changed)(void* user), void* user);
// From here on sluice_widest_level is no less verbose than that, whatever the agent wants.
void WidenLevels(Level level);

}  // namespace sluice
