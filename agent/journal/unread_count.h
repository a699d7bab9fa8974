// Counts what the sinks lose when a segment goes before they have read it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "agent/journal/shared_state.h"

namespace sluice::journal {

using UnreadCounts = std::map<std::pair<std::string, uid_t>, uint64_t>;  // by sink and uid

// The records of `segment` that each sink with a reader has not been given, but for those of
// `kept`, who lose nothing.
UnreadCounts CountUnread(const SharedState& shared, const Segment& segment,
                         const std::set<uid_t>& kept);

// Adds them to `journal.dropped` with the reason `SINK_reason`.
void AddToDropped(const UnreadCounts& counts, const std::string& reason, const SharedState& shared);

}  // namespace sluice::journal
