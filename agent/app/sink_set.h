// The sinks that are switched on, each with its worker.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/control/status_report.h"
#include "agent/sinks/sink_kind.h"
#include "agent/sinks/sink_worker.h"

namespace sluice::app {

struct SinkSet {
  // In the order in which they start and drain.
  std::vector<std::unique_ptr<sinks::SinkWorker>> workers;
  std::vector<control::StatusReport::SinkOff> off;
};

SinkSet MakeSinks(const sinks::SinkContext& context);

// Null: it is switched off.
sinks::SinkWorker* FindWorker(const SinkSet& set, const std::string& name);

// The filter in force for the sink of this name, which is one of a SinkSet's.
const config::SinkFilter& FilterOf(const config::AgentConfig& config, const std::string& sink);

}  // namespace sluice::app
