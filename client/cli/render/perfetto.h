// A trace in Chrome's JSON, which Perfetto's UI and trace_processor open.
//
// Times are microseconds from the trace's beginning. Each process is one of theirs; its spans lie
// on as many tracks as it takes for each to lie within the one above it. Events are instants. A
// span that has not ended has a beginning alone; one whose beginning is not known cannot be placed
// and is counted in `otherData`.
#pragma once

#include "client/cli/render/text.h"
#include "client/cli/trace/trace.h"

namespace sluice::cli {

void RenderPerfetto(const Trace& trace, const TextSink& out);

}  // namespace sluice::cli
