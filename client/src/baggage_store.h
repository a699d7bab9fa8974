// The baggage that contexts carry, so that a context stays a plain value: it holds a number.
//
// A process makes new baggage for ever, one for each request, and contexts are copied without the
// store knowing. So there is room for 16,384 of them and 16 MiB of text; then the oldest goes. A
// number kept longer than that finds nothing, never another's baggage.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/src/span_body.h"
#include "client/src/spin_lock.h"
#include "proto/trace/baggage.h"

namespace sluice {

// Which members become attributes of each span that starts under them, as SelectBaggage takes them.
// Of baggage interned after this call.
void SetBaggageKeys(std::string_view keys);

// 0 for none, and where memory is short. What cannot travel is left out.
uint32_t InternBaggage(const std::vector<BaggageMember>& members);
// That of `number` with this member as well, or without that key where the value is of no data.
uint32_t ChangeBaggage(uint32_t number, std::string_view key, std::string_view value);
// As the W3C header `baggage`; empty for 0.
std::string BaggageText(uint32_t number);

// Use(EncodedAttributes) with the members that become attributes, unless there are none. Holds a
// lock meanwhile.
template <typename Use>
void WithBaggageAttributes(uint32_t number, Use use);

// Around fork, so that the child finds the store whole.
void LockBaggage();
void UnlockBaggage();
// A thread that read an entry at the fork is not in the child, and its lock must not stay.
void UnlockBaggageInChild();

namespace internal {

struct BaggageContent {
  std::string text = {};
  std::string fields = {};          // encoded attributes of Span
  std::vector<uint64_t> bits = {};  // see EncodedAttributes
  uint64_t keys = 0;
};

struct BaggageEntry {
  SpinLock lock;
  uint32_t number = 0;  // 0: empty
  BaggageContent content;
};

// Null: there is none of this number any more. Else it is locked.
BaggageEntry* LockEntry(uint32_t number);

}  // namespace internal

template <typename Use>
void WithBaggageAttributes(uint32_t number, Use use) {
  internal::BaggageEntry* const entry = internal::LockEntry(number);
  if (entry == nullptr) return;
  const internal::BaggageContent& content = entry->content;
  if (!content.bits.empty()) use(EncodedAttributes{content.fields, content.bits, content.keys});
  entry->lock.Unlock();
}

}  // namespace sluice
