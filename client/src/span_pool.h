// Room for all spans that may be open at once, preallocated.
#pragma once

#include <atomic>
#include <cstdint>

#include "client/src/span_slot.h"
#include "client/src/spin_lock.h"

namespace sluice {

// A few free slots that one thread keeps, so that it mostly takes and gives back without a lock.
struct SlotMagazine {
  static constexpr uint32_t kSize = 8;

  uint32_t count = 0;
  SpanSlot* slots[kSize] = {};
};

// Thread-safe.
class SpanPool {
 public:
  // `epoch` tells this pool's handles from those of the process it was forked from. Null: out of
  // memory.
  static SpanPool* Create(uint32_t capacity, uint16_t epoch);
  // Unmaps it, for a child after fork.
  void Unmap();

  // A free slot, which the caller owns until it opens it; null: all are open.
  SpanSlot* Take(SlotMagazine* magazine);
  // Takes back a slot that is closed or was never opened.
  void Give(SpanSlot* slot, SlotMagazine* magazine);
  // Takes back all, when a thread ends.
  void Empty(SlotMagazine* magazine);

  // The pool's epoch, the slot's index and the span's generation.
  static uint64_t HandleOf(const SpanSlot& slot) {
    return slot.handle_base | slot.state.generation();
  }
  static uint32_t GenerationOf(uint64_t handle) { return static_cast<uint32_t>(handle); }
  // Null: no handle of this pool's. Whether the span is open still is for the slot's state to say.
  SpanSlot* Find(uint64_t handle) const {
    const uint32_t index = static_cast<uint32_t>(handle >> 32) & 0xffff;
    if (handle == 0 || handle >> 48 != epoch_ || index >= capacity_) return nullptr;
    return &slots_[index];
  }

  // Every slot that ever held a span: Visit(&slot) for each.
  template <typename Visit>
  void ForEach(Visit visit) {
    const uint32_t count = used_.load(std::memory_order_acquire);
    for (uint32_t i = 0; i < count; ++i) visit(&slots_[i]);
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  SpanPool(SpanSlot* slots, uint32_t capacity, uint16_t epoch)
      : slots_(slots), capacity_(capacity), epoch_(epoch) {}

  SpanSlot* TakeOne();
  void GiveOne(SpanSlot* slot);

  SpanSlot* const slots_;
  const uint32_t capacity_;
  const uint16_t epoch_;
  SpinLock lock_;
  uint32_t first_free_ = kNone;
  std::atomic<uint32_t> used_{0};
};

}  // namespace sluice
