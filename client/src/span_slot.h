// What is kept of one open span: ids, times, and its encoded fields not yet sent.
#pragma once

#include <atomic>
#include <bitset>
#include <cstdint>
#include <string_view>

#include "client/include/sluice/sluice.h"
#include "proto/record/limits.h"
#include "proto/trace/ids.h"

namespace sluice {

// A word that says which span a slot holds and what may be done with it. A span's handle carries
// the generation, so that a handle kept too long finds nothing.
class SlotState {
 public:
  enum Flag : uint64_t {
    kOpen = 1,
    kStarted = 2,  // its START is in the ring, and so are those of its ancestors
    kEnding = 4,   // ended, but the ring had no room for its END
    kLocked = 8,
    kLate = 16,  // of a started span: it has fields that are not in the ring yet
  };

  bool Is(uint32_t generation, uint64_t flags) const {
    const uint64_t word = Load();
    return word >> 32 == generation && (word & flags) == flags;
  }
  uint32_t generation() const { return static_cast<uint32_t>(Load() >> 32); }
  bool Has(Flag flag) const { return (Load() & flag) != 0; }

  // Makes a free slot's span visible.
  void Open() { word_.store(Load() | kOpen, std::memory_order_release); }
  // False: the span has ended. Waits for another thread that holds it, which is never long.
  bool Lock(uint32_t generation) {
    uint64_t word = uint64_t{generation} << 32 | kOpen;
    return word_.compare_exchange_strong(word, word | kLocked, std::memory_order_acquire) ||
           LockSlowly(generation, false);
  }
  // Likewise, but false where another thread holds it.
  bool TryLock(uint32_t generation) {
    uint64_t word = Load();
    return word >> 32 == generation && (word & (kOpen | kEnding | kLocked)) == kOpen &&
           word_.compare_exchange_strong(word, word | kLocked, std::memory_order_acquire);
  }
  // Likewise for a span that is ending.
  bool LockEnding(uint32_t generation) { return LockSlowly(generation, true); }

  // By who holds it.
  void Add(Flag flag) { word_.store(Load() | flag, std::memory_order_relaxed); }
  void Remove(Flag flag) { word_.store(Load() & ~uint64_t{flag}, std::memory_order_relaxed); }
  void Unlock() { word_.store(Load() & ~uint64_t{kLocked}, std::memory_order_release); }
  // Free from here on; handles to it are stale.
  void Close() {
    const uint32_t next = generation() + 1;
    word_.store(uint64_t{next == 0 ? 1 : next} << 32, std::memory_order_release);
  }

 private:
  uint64_t Load() const { return word_.load(std::memory_order_acquire); }
  bool LockSlowly(uint32_t generation, bool is_ending);

  std::atomic<uint64_t> word_{uint64_t{1} << 32};
};

// All but `state` and what late_spans.h says belongs to who holds the lock, or who owns the free
// slot.
struct SpanSlot {
  static constexpr size_t kBodyBytes = 512;
  static constexpr size_t kTargetBytes = limits::kTargetBytes;

  SlotState state;
  uint64_t handle_base = 0;  // see span_pool.h
  uint32_t index = 0;
  uint32_t next_free = 0;
  // See late_spans.h.
  std::atomic<bool> is_listed_late{false};
  SpanSlot* next_late = nullptr;

  uint64_t start_time = 0;  // Unix ns
  uint64_t end_time = 0;    // 0: not ended
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_id;          // zero: a root
  uint64_t parent_span = 0;  // its handle; 0: of another process, or none
  uint32_t trace_state = 0;  // see tracestate_store.h
  uint16_t w3c_flags = 0;    // as in Span.flags
  uint8_t level = 0;
  uint8_t kind = 0;
  bool is_current = false;  // `previous` is to be current again
  bool is_local = false;    // nobody wants it: what is below it belongs to its parent
  bool is_untold = false;   // the agent is not told: it is local, or not sampled
  bool has_status = false;
  uint16_t target_size = 0;
  uint32_t baggage = 0;  // see baggage_store.h
  uint64_t busy_ns = 0;  // how long it was entered; 0: not measured

  // See span_body.h.
  uint16_t attribute_count = 0;
  uint16_t body_size = 0;
  uint64_t keys = 0;
  std::bitset<limits::kAttributes> bare;
  sluice_context previous;

  // Encoded fields of Span: name, attributes, status.
  char body[kBodyBytes];
  char target_text[kTargetBytes];

  std::string_view target() const { return {target_text, target_size}; }
};

}  // namespace sluice
