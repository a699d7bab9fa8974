// When the spans ended that are closed as aborted: with what they lived by, and never after their
// parents.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "agent/base/clock.h"
#include "agent/live/aborted_end.h"
#include "agent/live/span.h"

namespace sluice::ingest {

// The end of what a span lives by, its process or its owner.
struct LifeEnd {
  uint64_t boot_nano = 0;  // CLOCK_BOOTTIME; 0: nothing is known
  // That was its end; else it was the last sign of life.
  bool is_seen = false;
};
// Of the spans of an origin.
using LifeEndFn = std::function<LifeEnd(const live::Origin&)>;

// Boot times as Unix times, by a distance that stays the same until the clock is stepped. Were it
// measured anew each time, a child closed before its parent might end some microseconds after it.
class UnixTimes {
 public:
  explicit UnixTimes(const Clock* clock) : clock_(*clock) {}

  // Of a boot time, which is not taken for one of the future.
  uint64_t At(uint64_t boot_nano);

 private:
  const Clock& clock_;
  uint64_t distance_ = 0;
};

// For one call of Admission::CloseAborted.
class AbortTimes {
 public:
  using Spans = std::vector<std::shared_ptr<live::Span>>;

  // All spans that are closed together. `life_end` may be empty: then nothing was seen. A span of
  // an earlier boot has boot times that this one's clock knows nothing of.
  AbortTimes(const Spans& aborted, UnixTimes* times, LifeEndFn life_end, bool is_this_boot);

  // In Unix nanoseconds. Where nobody saw the end it is the last sign of life, and estimated.
  live::AbortedEnd::Time EndOf(const live::Span& span);

 private:
  using Time = live::AbortedEnd::Time;

  Time OwnEndOf(const live::Span& span) const;
  // What the parent allows; nothing where it goes on.
  Time LimitBy(const live::Span* parent);
  uint64_t UnixNano(const live::Span& span, uint64_t boot_nano) const;

  const LifeEndFn life_end_;
  const bool is_this_boot_;
  UnixTimes& times_;
  // When the last of their open spans began, as far as the agent knows.
  absl::flat_hash_map<std::pair<pid_t, uint64_t>, uint64_t> last_starts_;
  absl::flat_hash_set<const live::Span*> aborted_;
  absl::flat_hash_map<const live::Span*, Time> ends_;
};

}  // namespace sluice::ingest
