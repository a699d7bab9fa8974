// The open spans that have late fields: attributes or a status set after the span's START, which
// are not in the ring yet.
//
// A record within such a span must not overtake them, so that every emitter asks any() first: one
// load. The list is for the sender, which makes them known soon even where nothing else happens.
#pragma once

#include <atomic>
#include <cstdint>

#include "client/src/span_slot.h"

namespace sluice {

// Thread-safe.
class LateSpans {
 public:
  // Whoever sees false also sees the records of all late fields set before, in the ring.
  bool any() const { return count_.load(std::memory_order_acquire) != 0; }

  // By who holds the slot's lock: its span has late fields now, and has none any more.
  void Add(SpanSlot* slot) {
    slot->state.Add(SlotState::kLate);
    count_.fetch_add(1, std::memory_order_relaxed);
    List(slot);
  }
  void Remove(SpanSlot* slot) {
    slot->state.Remove(SlotState::kLate);
    count_.fetch_sub(1, std::memory_order_release);
  }

  // Empties the list: visit(slot) for each, by a caller that holds none of their locks. Some have
  // no late fields any more; one that keeps them must be listed again.
  template <typename Visit>
  void TakeListed(Visit visit) {
    SpanSlot* slot = first_.exchange(nullptr, std::memory_order_acquire);
    while (slot != nullptr) {
      SpanSlot* const next = slot->next_late;
      slot->is_listed_late.store(false, std::memory_order_release);
      visit(slot);
      slot = next;
    }
  }
  void List(SpanSlot* slot) {
    if (slot->is_listed_late.exchange(true, std::memory_order_acq_rel)) return;
    slot->next_late = first_.load(std::memory_order_relaxed);
    while (!first_.compare_exchange_weak(slot->next_late, slot, std::memory_order_release,
                                         std::memory_order_relaxed)) {
    }
  }

 private:
  std::atomic<uint32_t> count_{0};
  std::atomic<SpanSlot*> first_{nullptr};
};

}  // namespace sluice
