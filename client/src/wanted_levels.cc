#include "client/src/wanted_levels.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "client/include/sluice/sluice.h"

int sluice_widest_level = SLUICE_TRACE;

namespace sluice {
namespace {

// A table that was replaced is kept: a caller may be reading it, and hints change when an operator
// changes a filter.
struct Installed {
  LevelTable table;
  const Installed* replaced;
};
constinit std::atomic<const Installed*> installed{nullptr};
// What this process itself wants.
constinit std::atomic<int> own_widest{0};

}  // namespace

bool IsWanted(Level level, std::string_view target) {
  if (static_cast<int>(level) > __atomic_load_n(&sluice_widest_level, __ATOMIC_RELAXED)) {
    return false;
  }
  const Installed* const current = installed.load(std::memory_order_acquire);
  return current == nullptr || level <= current->table.For(target);
}

void SetWantedLevels(LevelTable table) {
  const Installed* const current = installed.load(std::memory_order_acquire);
  if (current == nullptr ? table == LevelTable() : table == current->table) return;
  const int widest = std::max(static_cast<int>(table.Widest()), own_widest.load());
  installed.store(new Installed{std::move(table), current}, std::memory_order_release);
  __atomic_store_n(&sluice_widest_level, widest, __ATOMIC_RELAXED);
}

void WidenLevels(Level level) {
  const int own = static_cast<int>(level);
  own_widest = own;
  const int now = __atomic_load_n(&sluice_widest_level, __ATOMIC_RELAXED);
  __atomic_store_n(&sluice_widest_level, std::max(own, now), __ATOMIC_RELAXED);
}

}  // namespace sluice
