// The sinks that are switched on, each with its worker.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/config/agent_config.h"
#include "agent/control/status_report.h"
#include "agent/journal/journal.h"
#include "agent/self/counters.h"
#include "agent/sinks/sink_worker.h"

namespace sluice::app {

struct SinkSet {
  // In the order in which they start and drain.
  std::vector<std::unique_ptr<sinks::SinkWorker>> workers;
  std::vector<control::StatusReport::SinkOff> off;
};

// `vm_id` is the machine's.
SinkSet MakeSinks(const config::AgentConfig& config, const std::string& vm_id,
                  journal::Journal* journal, Counters* counters);

// Whether a sink that is on reads OTLP's metrics.
bool HasMetricsReader(const config::AgentConfig& config);

}  // namespace sluice::app
