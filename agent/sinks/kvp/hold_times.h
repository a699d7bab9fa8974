// How long the pool's locks were held: counts in buckets, each an eighth of a power of two wide, so
// that a quantile is at most 12.5 % too high.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace sluice::kvp {

// One thread adds, any thread reads.
class HoldTimes {
 public:
  void Add(uint64_t nanoseconds);

  uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  uint64_t max_nano() const { return max_.load(std::memory_order_relaxed); }
  // Nanoseconds that `fraction` (0 to 1) of all holds did not exceed; 0 when there was none.
  uint64_t QuantileNano(double fraction) const;

 private:
  static constexpr int kStepsPerDoubling = 8;

  std::array<std::atomic<uint64_t>, 64 * kStepsPerDoubling> buckets_{};
  std::atomic<uint64_t> count_{0};
  std::atomic<uint64_t> max_{0};
};

}  // namespace sluice::kvp
