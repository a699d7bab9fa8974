// Levels by target.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proto/record/view.h"

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

}  // namespace sluice
