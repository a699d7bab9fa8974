// The records that the agent has not acknowledged yet: one preallocated ring of bytes, many
// writers, one reader.
//
// A writer reserves room, encodes into it, commits. The reader sees entries in the order of their
// reservation, each once it is committed, and releases them from the front once they are
// acknowledged; until then their bytes stay as they are, to be sent again.
//
// An entry is a header of 8 bytes and its content, padded to 8. The header is zero until the
// commit: released bytes are zeroed, and one unit always stays free, where the reader stops. An
// entry that would cross the end of the ring is preceded by a filler.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice {

class Ring {
 public:
  // Counts units of 8 bytes since the beginning; wraps. Comparable while less than 2^31 apart.
  using Position = uint32_t;
  static constexpr size_t kUnitBytes = 8;

  // Null: out of memory. `capacity` in bytes, a power of two from 4 KiB to 1 GiB.
  static Ring* Create(size_t capacity);
  // Unmaps it, for a child after fork, where nobody else uses it.
  void Unmap();

  // Writers; thread-safe, never wait.

  // Room for `size` bytes, at most 1 GiB; null: the ring is full. Each must be committed.
  char* Reserve(size_t size);
  void Commit(char* bytes, size_t size);

  // The reader.

  // The content of the entry at `*position`, which moves behind it. False: none is committed there.
  bool Next(Position* position, std::string_view* record) const;
  // Frees all before `position`, for writers to use.
  void Release(Position position);

  // Anyone.

  // In bytes.
  size_t capacity() const { return units_ * kUnitBytes; }
  // Behind the last reservation.
  Position head() const { return static_cast<Position>(head_.load(std::memory_order_acquire)); }
  // Before the first entry not released.
  Position tail() const { return tail_.load(std::memory_order_acquire); }
  // Records reserved since the beginning; wraps.
  uint32_t record_count() const {
    return static_cast<uint32_t>(head_.load(std::memory_order_relaxed) >> 32);
  }

 private:
  Ring(char* bytes, size_t capacity) : bytes_(bytes), units_(static_cast<uint32_t>(capacity / 8)) {}

  std::atomic<uint64_t>* HeaderAt(Position position) const {
    return reinterpret_cast<std::atomic<uint64_t>*>(bytes_ + Offset(position));
  }
  void PrefetchAhead(Position position, uint32_t units) const;
  size_t Offset(Position position) const { return size_t{position & (units_ - 1)} * 8; }

  char* const bytes_;
  const uint32_t units_;
  // Number of records in the upper half, position in the lower, so that counting costs nothing.
  alignas(64) std::atomic<uint64_t> head_{0};
  alignas(64) std::atomic<Position> tail_{0};
};

}  // namespace sluice
