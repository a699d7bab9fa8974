// Counts what the sinks lose when a segment goes before they have read it.
#pragma once

#include "agent/journal/shared_state.h"

namespace sluice::journal {

// Adds to `journal.dropped` the records of `segment` behind the cursor of each sink that has a
// reader, with the reason `SINK_REASON`, by uid.
void CountUnread(const SharedState& shared, const Segment& segment, const std::string& reason);

}  // namespace sluice::journal
