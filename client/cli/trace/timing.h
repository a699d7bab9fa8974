// When the spans of a trace ran, as far as it is known. Nothing is worked out of a missing time.
#pragma once

#include <cstdint>
#include <optional>

#include "client/cli/trace/trace.h"

namespace sluice::cli {

// Nanoseconds since the Unix epoch.
struct Interval {
  uint64_t begin = 0;
  uint64_t end = 0;

  uint64_t length() const { return end - begin; }
  bool operator==(const Interval&) const = default;
};

// From start to end; of an open span to `now`. nullopt: a time is missing, or the end comes first.
std::optional<Interval> IntervalOf(const TraceSpan& span, uint64_t now_unix_nano);

// What `inner` and `outer` share; nullopt: nothing.
std::optional<Interval> Overlap(const Interval& inner, const Interval& outer);

// From the first beginning to the last end of all spans; nullopt: no span has both.
std::optional<Interval> IntervalOf(const Trace& trace, uint64_t now_unix_nano);

// The time of a span in which none of its children ran; nullopt: its own is not known.
std::optional<uint64_t> SelfTime(const Trace& trace, const TraceSpan& span, uint64_t now_unix_nano);

}  // namespace sluice::cli
