// Problem: Many threads write without a lock, and none may wait for another. The reader must not
// see an entry before it is whole, and needs its bytes again when the connection breaks.
//
// States: A unit is free and zero, then reserved, then committed, then released: zeroed, and free
// again. head_ moves by a reservation, tail_ by Release, and the reader's own positions lie between
// the two.
//
// Invariants:
// * Release zeroes first and then stores tail_ (release); Reserve loads tail_ (acquire) and then
//   gives the units away. So a writer gets zeroed units only. An old header in them would show the
//   reader an entry that nobody committed.
// * A reservation counts one record in head_, a filler none, and Next passes fillers over. So
//   record_count() and the outbox's numbers agree.
// * The reader never passes an entry that is not committed, even where later ones are whole. So a
//   thread that is stopped between Reserve and Commit holds up all records behind its own.
// * Commit stores the header after the content (release), and Next loads it first (acquire).

#include "client/src/ring.h"

#include <sys/mman.h>

#include <cstring>
#include <new>

namespace sluice {
namespace {

constexpr size_t kHeaderBytes = 8;

// The lower two bits of a header; the rest is the size of the content.
enum EntryKind : uint64_t { kUncommitted = 0, kRecord = 1, kFiller = 2 };

uint64_t Header(size_t size, EntryKind kind) { return uint64_t{size} << 2 | kind; }
uint32_t UnitsFor(size_t size) { return static_cast<uint32_t>((kHeaderBytes + size + 7) / 8); }

}  // namespace

Ring* Ring::Create(size_t capacity) {
  void* const bytes = mmap(nullptr, capacity, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (bytes == MAP_FAILED) return nullptr;
  Ring* const ring = new (std::nothrow) Ring(static_cast<char*>(bytes), capacity);
  if (ring == nullptr) munmap(bytes, capacity);
  return ring;
}

void Ring::Unmap() { munmap(bytes_, size_t{units_} * 8); }

char* Ring::Reserve(size_t size) {
  const uint32_t needed = UnitsFor(size);
  uint64_t head = head_.load(std::memory_order_relaxed);
  uint32_t filler;
  do {
    const uint32_t to_end = units_ - (static_cast<Position>(head) & (units_ - 1));
    filler = needed > to_end ? to_end : 0;
    const uint32_t used = static_cast<Position>(head) - tail();
    if (filler + needed >= units_ - used) return nullptr;
    // The position wraps alone, without a carry into the count.
  } while (!head_.compare_exchange_weak(
      head, ((head >> 32) + 1) << 32 | static_cast<Position>(head + filler + needed),
      std::memory_order_relaxed));
  const auto position = static_cast<Position>(head);
  if (filler != 0) {
    HeaderAt(position)->store(Header(size_t{filler} * 8 - kHeaderBytes, kFiller),
                              std::memory_order_release);
  }
  PrefetchAhead(position + filler, needed);
  return bytes_ + Offset(position + filler) + kHeaderBytes;
}

// The lines ahead were last written by the reader, which zeroed them on another processor: fetching
// them is most of what a record costs its writer. tests/bench/client_bench.cc watches this.
void Ring::PrefetchAhead(Position position, uint32_t units) const {
  constexpr uint32_t kLineUnits = 8;
  constexpr uint32_t kAheadUnits = 128;
  constexpr uint32_t kMostUnits = 64;
  for (uint32_t unit = 0; unit < units && unit < kMostUnits; unit += kLineUnits) {
    __builtin_prefetch(bytes_ + Offset(position + kAheadUnits + unit), 1);
  }
}

void Ring::Commit(char* bytes, size_t size) {
  auto* const header = reinterpret_cast<std::atomic<uint64_t>*>(bytes - kHeaderBytes);
  header->store(Header(size, kRecord), std::memory_order_release);
}

bool Ring::Next(Position* position, std::string_view* record) const {
  while (true) {
    const uint64_t header = HeaderAt(*position)->load(std::memory_order_acquire);
    if (header == kUncommitted) return false;
    const size_t size = header >> 2;
    *record = {bytes_ + Offset(*position) + kHeaderBytes, size};
    *position += UnitsFor(size);
    if ((header & 3) == kRecord) return true;
  }
}

void Ring::Release(Position position) {
  const Position from = tail_.load(std::memory_order_relaxed);
  const size_t begin = Offset(from);
  const size_t size = size_t{position - from} * 8;
  const size_t to_end = size_t{units_} * 8 - begin;
  std::memset(bytes_ + begin, 0, size < to_end ? size : to_end);
  if (size > to_end) std::memset(bytes_, 0, size - to_end);
  tail_.store(position, std::memory_order_release);
}

}  // namespace sluice
