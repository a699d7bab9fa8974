// Stops all sinks together, so that one that hangs takes the time of none.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "agent/sinks/sink_worker.h"

namespace sluice::sinks {

// Has every worker write what is journalled up to now and end. What waits or fails is tried once
// more; a call that takes 300 ms is cancelled, and left behind after 2 s; a sink that goes
// on writing is left behind at `deadline`. Returns those left behind: their threads may still be in
// a call, so the process should end.
std::vector<SinkWorker*> StopWorkers(const std::vector<std::unique_ptr<SinkWorker>>& workers,
                                     std::chrono::steady_clock::time_point deadline);

}  // namespace sluice::sinks
