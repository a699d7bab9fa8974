// A trace as one HTML page: a waterfall, a row for each span and event, that opens anywhere.
//
// The page is whole in itself: nothing is loaded, its own policy forbids it to be. It is dark where
// the reader's system is, and can be searched, by the browser and by a field of its own that hides
// the rows without a match. Its text is escaped; no text of a trace becomes markup or script.
#pragma once

#include "client/cli/render/text.h"
#include "client/cli/trace/trace.h"

namespace sluice::cli {

void RenderPlot(const Trace& trace, const TextSink& out);

}  // namespace sluice::cli
