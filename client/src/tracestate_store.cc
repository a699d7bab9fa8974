#include "client/src/tracestate_store.h"

#include <array>
#include <atomic>
#include <new>
#include <string>

#include "client/src/spin_lock.h"

namespace sluice {
namespace {

constexpr uint32_t kCapacity = 1024;

// Never destroyed: contexts may be read while the process exits.
constinit std::array<std::atomic<const std::string*>, kCapacity> texts{};
constinit std::atomic<uint32_t> count{0};
constinit SpinLock tracestate_lock;

// 0: there is no room.
uint32_t Insert(std::string_view text) {
  const uint32_t number = count.load(std::memory_order_relaxed);
  if (number == kCapacity) return 0;
  const auto* const copy = new (std::nothrow) std::string(text);
  if (copy == nullptr) return 0;
  texts[number].store(copy, std::memory_order_release);
  count.store(number + 1, std::memory_order_release);
  return number + 1;
}

}  // namespace

uint32_t InternTracestate(std::string_view text) {
  if (text.empty()) return 0;
  const SpinLockScope lock(&tracestate_lock);
  for (uint32_t number = 1; number <= count.load(std::memory_order_relaxed); ++number) {
    if (TracestateText(number) == text) return number;
  }
  return Insert(text);
}

std::string_view KnownTracestate(uint32_t number) {
  if (number > count.load(std::memory_order_acquire)) return {};
  return *texts[number - 1].load(std::memory_order_acquire);
}

void LockTracestates() { tracestate_lock.Lock(); }
void UnlockTracestates() { tracestate_lock.Unlock(); }

}  // namespace sluice
