#include "client/src/level_table.h"

#include <algorithm>

namespace sluice {

Level LevelTable::For(std::string_view target) const {
  const Entry* best = nullptr;
  for (const Entry& entry : entries) {
    const bool is_longer =
        best == nullptr || entry.target_prefix.size() > best->target_prefix.size();
    if (is_longer && target.starts_with(entry.target_prefix)) best = &entry;
  }
  return best == nullptr ? default_level : best->level;
}

Level LevelTable::Widest() const {
  Level widest = default_level;
  for (const Entry& entry : entries) widest = std::max(widest, entry.level);
  return widest;
}

}  // namespace sluice
