// The chain of spans that a trace had to wait for: nothing outside it, made faster, would have made
// the trace end sooner.
//
// It is found backwards from the end: what a span waited for last is its child that ended last;
// from that one's beginning on it is the child that ended last before, and so on. What a child
// links to (OpenTelemetry's links: it was caused by that) stands for what was waited for before the
// child began, also where it is no child of the same span. Time that no child covers is the span's
// own.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "client/cli/trace/timing.h"
#include "client/cli/trace/trace.h"

namespace sluice::cli {

struct CriticalStep {
  // nullopt: no span ran; between two roots.
  std::optional<uint32_t> span;
  Interval time;
  // For a span's own time: its children on the path before and after it.
  std::optional<uint32_t> after;
  std::optional<uint32_t> before;
};

// In order of time, without a hole from the first beginning to the last end. Empty: no span has
// both times. Open spans last until `now_unix_nano`.
std::vector<CriticalStep> CriticalPath(const Trace& trace, uint64_t now_unix_nano);

// Of a path that is not empty: the step that took longest.
const CriticalStep& SlowestStep(const std::vector<CriticalStep>& path);

}  // namespace sluice::cli
