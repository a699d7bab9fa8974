#include "client/src/span_pool.h"

#include <sys/mman.h>

#include <new>

namespace sluice {

[[gnu::noinline]] bool SlotState::LockSlowly(uint32_t generation, bool is_ending) {
  SpinWait wait;
  uint64_t word = Load();
  while (word >> 32 == generation) {
    if ((word & kLocked) != 0) {
      wait.Once();
      word = Load();
    } else if (((word & kEnding) != 0) != is_ending || (word & kOpen) == 0) {
      return false;
    } else if (word_.compare_exchange_weak(word, word | kLocked, std::memory_order_acquire)) {
      return true;
    }
  }
  return false;
}

SpanPool* SpanPool::Create(uint32_t capacity, uint16_t epoch) {
  void* const memory = mmap(nullptr, capacity * sizeof(SpanSlot), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  return new (std::nothrow) SpanPool(static_cast<SpanSlot*>(memory), capacity, epoch);
}

void SpanPool::Unmap() { munmap(slots_, capacity_ * sizeof(SpanSlot)); }

SpanSlot* SpanPool::Take(SlotMagazine* magazine) {
  if (magazine->count != 0) [[likely]]
    return magazine->slots[--magazine->count];
  const SpinLockScope lock(&lock_);
  return TakeOne();
}

void SpanPool::Give(SpanSlot* slot, SlotMagazine* magazine) {
  if (magazine->count != SlotMagazine::kSize) [[likely]] {
    magazine->slots[magazine->count++] = slot;
    return;
  }
  const SpinLockScope lock(&lock_);
  GiveOne(slot);
}

void SpanPool::Empty(SlotMagazine* magazine) {
  const SpinLockScope lock(&lock_);
  while (magazine->count != 0) GiveOne(magazine->slots[--magazine->count]);
}

[[gnu::noinline]] SpanSlot* SpanPool::TakeOne() {
  if (first_free_ != kNone) {
    SpanSlot* const slot = &slots_[first_free_];
    first_free_ = slot->next_free;
    return slot;
  }
  const uint32_t used = used_.load(std::memory_order_relaxed);
  if (used == capacity_) return nullptr;
  SpanSlot* const slot = new (&slots_[used]) SpanSlot;
  slot->index = used;
  slot->handle_base = uint64_t{epoch_} << 48 | uint64_t{used} << 32;
  used_.store(used + 1, std::memory_order_release);
  return slot;
}

[[gnu::noinline]] void SpanPool::GiveOne(SpanSlot* slot) {
  slot->next_free = first_free_;
  first_free_ = slot->index;
}

}  // namespace sluice
