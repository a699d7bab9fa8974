// What went wrong in a trace: where it began to fail, what happened just before, what it waits for.
#pragma once

#include <cstdint>
#include <vector>

#include "client/cli/trace/trace.h"

namespace sluice::cli {

// A span that failed or was aborted, or an event of level ERROR in no such span.
struct FailureStory {
  TraceItem item;
  uint64_t time_unix_nano = 0;
  // From the root down to what encloses it.
  std::vector<size_t> ancestors;
  // Into Trace::events, in order of time: the errors within the span, and the last and the next
  // events of the trace, before and after the failure.
  std::vector<size_t> before;
  std::vector<size_t> after;
};

struct TraceWhy {
  // In order of time. A span within which another failed is told as that one's ancestor alone.
  std::vector<FailureStory> failures;
  // So many more failed than are told.
  size_t more_failures = 0;
  // Spans that have not ended and hold none that has not: what the trace waits for.
  std::vector<size_t> open;

  bool empty() const { return failures.empty() && open.empty(); }
};

TraceWhy ExplainTrace(const Trace& trace, size_t max_failures = 5);

}  // namespace sluice::cli
