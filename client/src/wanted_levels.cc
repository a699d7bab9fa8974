#include "client/src/wanted_levels.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <utility>

#include "client/include/sluice/sluice.h"

int sluice_widest_level = SLUICE_TRACE;

namespace sluice {
namespace {

// Every table there ever was is kept, once: a caller may be reading it. There are as many as an
// operator writes filters.
struct KeptTable {
  LevelTable table;
  const KeptTable* older;
};
constinit std::atomic<const KeptTable*> newest_kept{nullptr};
constinit std::atomic<const KeptTable*> installed{nullptr};
// Kept likewise, as who is told may be being told.
struct Listener {
  void (*changed)(void* user);
  void* user;
  const Listener* former;
};
constinit std::atomic<const Listener*> listener{nullptr};
// What this process itself wants.
constinit std::atomic<int> own_widest{0};

}  // namespace

bool IsWanted(Level level, std::string_view target) {
  if (static_cast<int>(level) > __atomic_load_n(&sluice_widest_level, __ATOMIC_RELAXED)) {
    return false;
  }
  const KeptTable* const current = installed.load(std::memory_order_acquire);
  if (current == nullptr) return true;
  const LevelTable& table = current->table;
  return level <= (table.entries.empty() ? table.default_level : table.For(target));
}

void SetWantedLevels(LevelTable table) {
  const KeptTable* const newest = newest_kept.load();
  const KeptTable* kept = newest;
  while (kept != nullptr && kept->table != table) kept = kept->older;
  if (kept == nullptr) newest_kept = kept = new KeptTable{std::move(table), newest};
  const int widest = std::max(static_cast<int>(kept->table.Widest()), own_widest.load());
  const bool is_change = installed.exchange(kept, std::memory_order_acq_rel) != kept;
  __atomic_store_n(&sluice_widest_level, widest, __ATOMIC_RELAXED);
  const Listener* const told = is_change ? listener.load(std::memory_order_acquire) : nullptr;
  if (told != nullptr && told->changed != nullptr) told->changed(told->user);
}

void OnWantedChange(void (*changed)(void* user), void* user) {
  const Listener* const former = listener.load();
  const auto* const next = new (std::nothrow) Listener{changed, user, former};
  if (next != nullptr) listener.store(next);
}

void WidenLevels(Level level) {
  const int own = static_cast<int>(level);
  own_widest = own;
  const int now = __atomic_load_n(&sluice_widest_level, __ATOMIC_RELAXED);
  __atomic_store_n(&sluice_widest_level, std::max(own, now), __ATOMIC_RELAXED);
}

}  // namespace sluice
