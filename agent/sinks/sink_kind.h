// What the agent has to know of one kind of sink. A kind lives in its sink's folder and has one
// line in sink_list.h; docs/add-a-sink.md shows how.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/config/agent_config.h"
#include "agent/journal/journal.h"
#include "agent/self/counters.h"
#include "agent/sinks/sink.h"

namespace sluice::sinks {

// What a sink may be made from. What is pointed to outlives the sink, but for `config`.
struct SinkContext {
  const config::AgentConfig* config = nullptr;
  std::string vm_id;
  journal::Journal* journal = nullptr;
  Counters* counters = nullptr;
};

struct SinkKind {
  // As Sink::name.
  std::string name;
  bool (*enabled)(const config::AgentConfig&);
  const config::SinkFilter& (*filter)(const config::AgentConfig&);
  std::unique_ptr<Sink> (*make)(const SinkContext&);
  // Where it would write, for status while it is switched off; null: that is not told.
  std::string (*destination)(const config::AgentConfig&) = nullptr;
};

// Every kind, in the order in which sinks start and drain.
std::vector<SinkKind> AllSinkKinds();

}  // namespace sluice::sinks
