// Problem: Entries are found by number from any thread while old ones make room for new ones.
//
// States: An entry is empty (number 0) or holds baggage. Its number is its place and how often the
// place was given away, so that a number of an earlier tenant is told from the present one's.
//
// Invariants:
// * baggage_lock guards what decides who gets a place: counters, `places` and the total size. An
//   entry's own lock guards its content, and is taken after baggage_lock.
// * Nothing is freed that somebody reads: content is read under the entry's lock alone.

#include "client/src/baggage_store.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <new>
#include <utility>

#include "client/src/record_encoder.h"
#include "proto/record/attribute_writer.h"

namespace sluice {
namespace {

using internal::BaggageContent;
using internal::BaggageEntry;

constexpr uint32_t kPlaceBits = 14;
constexpr uint32_t kPlaces = 1u << kPlaceBits;
constexpr size_t kBytes = 16 * 1024 * 1024;

// Never destroyed: contexts may be read while the process exits. Made at the first use.
struct Store {
  std::array<BaggageEntry, kPlaces> entries;
  // By the text's hash, where it was put last: the same baggage mostly has one number.
  std::array<uint16_t, kPlaces> places{};
  std::string keys;     // for SelectBaggage
  uint32_t next = 0;    // place to be given away
  uint32_t oldest = 0;  // place whose baggage goes first when there are too many bytes
  uint32_t round = 1;   // how often all places were given away; 0 is no number
  size_t bytes = 0;
};

constinit SpinLock baggage_lock;
constinit std::atomic<Store*> store{nullptr};

Store* Made() {
  Store* made = store.load(std::memory_order_acquire);
  if (made != nullptr) return made;
  made = new (std::nothrow) Store;
  store.store(made, std::memory_order_release);
  return made;
}

BaggageContent MakeContent(std::string_view keys, std::string text) {
  BaggageContent content = {.text = std::move(text)};
  StringWireWriter writer{StringSink(&content.fields)};
  // As they would arrive at another process.
  for (const BaggageMember& member : SelectBaggage(ParseBaggage(content.text), keys)) {
    WriteStringAttribute(writer, span_field::kAttributes, member.key, member.value);
    content.bits.push_back(KeyBit(member.key));
    content.keys |= content.bits.back();
  }
  return content;
}

size_t SizeOf(const BaggageContent& content) { return content.text.size() + content.fields.size(); }

void Replace(BaggageEntry* entry, uint32_t number, BaggageContent content, Store* of) {
  of->bytes -= SizeOf(entry->content);
  of->bytes += SizeOf(content);
  const SpinLockScope lock(&entry->lock);
  entry->number = number;
  std::swap(entry->content, content);
}

// The next place, and its number.
uint32_t TakePlace(Store* of) {
  const uint32_t number = of->round << kPlaceBits | of->next;
  of->next = (of->next + 1) % kPlaces;
  if (of->next == 0 && (++of->round << kPlaceBits) == 0) of->round = 1;
  return number;
}

void MakeRoom(Store* of) {
  for (uint32_t i = 0; i < kPlaces && of->bytes > kBytes; ++i) {
    Replace(&of->entries[of->oldest], 0, {}, of);
    of->oldest = (of->oldest + 1) % kPlaces;
  }
}

uint32_t InternLocked(std::string text) {
  Store* const made = Made();
  if (made == nullptr) return 0;
  uint16_t* const place = &made->places[std::hash<std::string>()(text) % kPlaces];
  const BaggageEntry& before = made->entries[*place];
  if (before.number != 0 && before.content.text == text) return before.number;
  BaggageContent content = MakeContent(made->keys, std::move(text));
  MakeRoom(made);
  const uint32_t number = TakePlace(made);
  *place = static_cast<uint16_t>(number % kPlaces);
  Replace(&made->entries[*place], number, std::move(content), made);
  return number;
}

}  // namespace

void SetBaggageKeys(std::string_view keys) {
  const SpinLockScope lock(&baggage_lock);
  Store* const made = Made();
  if (made == nullptr) return;
  made->keys = keys;
}

uint32_t InternBaggage(const std::vector<BaggageMember>& members) try {
  std::string text = FormatBaggage(members);
  if (text.empty()) return 0;
  const SpinLockScope lock(&baggage_lock);
  return InternLocked(std::move(text));
} catch (const std::bad_alloc&) {
  return 0;
}

uint32_t ChangeBaggage(uint32_t number, std::string_view key, std::string_view value) try {
  std::vector<BaggageMember> members = ParseBaggage(BaggageText(number));
  const auto same = std::find_if(members.begin(), members.end(),
                                 [&](const BaggageMember& member) { return member.key == key; });
  if (value.data() == nullptr) {
    if (same != members.end()) members.erase(same);
  } else if (same != members.end()) {
    *same = {std::string(key), std::string(value), {}};
  } else {
    members.push_back({std::string(key), std::string(value), {}});
  }
  return InternBaggage(members);
} catch (const std::bad_alloc&) {
  return number;
}

std::string BaggageText(uint32_t number) {
  BaggageEntry* const entry = internal::LockEntry(number);
  if (entry == nullptr) return {};
  std::string text;
  try {
    text = entry->content.text;
  } catch (const std::bad_alloc&) {
  }
  entry->lock.Unlock();
  return text;
}

namespace internal {

BaggageEntry* LockEntry(uint32_t number) {
  Store* const made = store.load(std::memory_order_acquire);
  if (number == 0 || made == nullptr) return nullptr;
  BaggageEntry* const entry = &made->entries[number % kPlaces];
  entry->lock.Lock();
  if (entry->number == number) return entry;
  entry->lock.Unlock();
  return nullptr;
}

}  // namespace internal

void LockBaggage() { baggage_lock.Lock(); }
void UnlockBaggage() { baggage_lock.Unlock(); }

void UnlockBaggageInChild() {
  Store* const made = store.load(std::memory_order_acquire);
  if (made != nullptr) {
    const uint32_t used = made->round == 1 ? made->next : kPlaces;
    for (uint32_t i = 0; i < used; ++i) made->entries[i].lock.Unlock();
  }
  baggage_lock.Unlock();
}

}  // namespace sluice
