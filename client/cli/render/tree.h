// A trace as a tree of lines.
#pragma once

#include <cstdint>

#include "client/cli/render/text.h"
#include "client/cli/trace/trace.h"
#include "client/cli/trace/walk.h"

namespace sluice::cli {

struct TreeOptions {
  TreeLimits limits;
  // Also the attributes of spans, and what of their time is their own.
  bool is_verbose = false;
  // For the age of what has not ended; 0: not shown.
  uint64_t now_unix_nano = 0;
};

// A line for the trace, then one a span and an event, children below their parent:
//
//   trace 4bf92f3577b34da6a3ce929d0e0e4736  2026-11-20T09:27:53.502904Z  2 spans, 1 event
//        @0  1.20 s  build  uid 1000  pid 4242  demo
//   @100 ms  900 ms  `- compile  ERROR exit status 2  pid 4250
//   @150 ms             `- 09:27:53.652904  WARN  slow disk device=sda
//
// In front stand when it began, counted from the trace's beginning, and how long it took: only
// where both of its times are known. uid, pid, service and unit stand where they differ from the
// parent's. A span without end is `open since` its start, one whose process is gone `aborted` and
// why, in the agent's words. What does not fit the style's width goes on below.
void RenderTree(const Trace& trace, const TreeOptions& options, const TextStyle& style,
                const TextSink& out);

}  // namespace sluice::cli
