// Which levels anybody wants, by target: the agent's hint. What nobody wants is not encoded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/contract/record_view.h"

namespace sluice {

// The most verbose level wanted; kUnspecified: none.
struct LevelTable {
  struct Entry {
    std::string target_prefix;
    Level level;

    bool operator==(const Entry&) const = default;
  };

  Level default_level = Level::kTrace;
  std::vector<Entry> entries;  // the longest prefix decides

  Level For(std::string_view target) const;
  Level Widest() const;
  bool operator==(const LevelTable&) const = default;
};

// The table in force; at first everything is wanted. Thread-safe; reading costs a load or two.
bool IsWanted(Level level, std::string_view target);
// Replaces it. By the sender only.
void SetWantedLevels(LevelTable table);
// From here on sluice_widest_level is no less verbose than that, whatever the agent wants.
void WidenLevels(Level level);

}  // namespace sluice
