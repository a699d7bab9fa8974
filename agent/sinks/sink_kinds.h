// All kinds of sinks that the agent has, out of sink_list.h.
#pragma once

#include <vector>

#include "agent/config/schema.h"
#include "agent/sinks/sink_kind.h"

namespace sluice::sinks {

// Every kind, in the order in which sinks start and drain.
const std::vector<SinkKind>& AllSinkKinds();
// What can be configured, of the agent and of all of them.
const config::Schema& ConfigSchema();
// The kind of a sink of ConfigSchema's.
const SinkKind& KindOf(const config::SinkConfig& sink);

}  // namespace sluice::sinks
