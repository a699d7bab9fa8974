// Where the time of a trace went: by span (blame), and along the chain that it waited for.
#pragma once

#include <string>
#include <vector>

#include "client/cli/render/text.h"
#include "client/cli/trace/blame.h"
#include "client/cli/trace/critical_path.h"

namespace sluice::cli {

// A line a row, the first `count` of them:
//
//   SELF     IN CHILDREN  TOTAL   NAME         SERVICE
//   8.10 s                8.10 s  resize_root  demo
//   1.20 s   11.1 s       12.3 s  provision    demo
//
// With COUNT where a row is of several spans. A span that has not ended is marked `open`.
void RenderBlame(const Trace& trace, const Blame& blame, size_t count, const TextStyle& style,
                 const TextSink& out);
// [{"name", "service_name", "span_id", "count", "self_ns", "total_ns", "open"}]
void RenderBlameJson(const Trace& trace, const Blame& blame, size_t count, const TextSink& out);

// A line a step:
//
//   AT      TOOK    WHAT
//   0 ns    1.20 s  provision, before resize_root
//   1.20 s  8.10 s  resize_root
//   9.30 s  3.00 s  provision, after resize_root
void RenderCriticalPath(const Trace& trace, const std::vector<CriticalStep>& path,
                        const TextStyle& style, const TextSink& out);
// [{"at_ns", "took_ns", "span_id", "name"}]; in a gap the last two are null.
void RenderCriticalPathJson(const Trace& trace, const std::vector<CriticalStep>& path,
                            const TextSink& out);

// The own time of a span on the path, as RenderCriticalPath calls it.
std::string StepName(const Trace& trace, const CriticalStep& step);

}  // namespace sluice::cli
