#include "agent/sinks/kvp/hold_times.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sluice::kvp {
namespace {

constexpr int kStepBits = 3;

// Below 8 ns every value has its own bucket; above, the three bits after the leading one pick it.
size_t BucketOf(uint64_t nanoseconds) {
  const int width = std::bit_width(nanoseconds);
  if (width <= kStepBits) return nanoseconds;
  const int shift = width - 1 - kStepBits;
  return (static_cast<size_t>(shift + 1) << kStepBits) + ((nanoseconds >> shift) & 7);
}

// The largest value of a bucket.
uint64_t UpperBound(size_t bucket) {
  if (bucket < 8) return bucket;
  const size_t shift = (bucket >> kStepBits) - 1;
  return (((bucket & 7) + 9) << shift) - 1;
}

}  // namespace

void HoldTimes::Add(uint64_t nanoseconds) {
  buckets_[BucketOf(nanoseconds)].fetch_add(1, std::memory_order_relaxed);
  count_.fetch_add(1, std::memory_order_relaxed);
  if (nanoseconds > max_nano()) max_.store(nanoseconds, std::memory_order_relaxed);
}

uint64_t HoldTimes::QuantileNano(double fraction) const {
  const uint64_t wanted = static_cast<uint64_t>(std::ceil(fraction * static_cast<double>(count())));
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < buckets_.size() && wanted > 0; ++bucket) {
    seen += buckets_[bucket].load(std::memory_order_relaxed);
    if (seen >= wanted) return std::min(UpperBound(bucket), max_nano());
  }
  return max_nano();
}

}  // namespace sluice::kvp
