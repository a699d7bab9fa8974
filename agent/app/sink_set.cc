#include "agent/app/sink_set.h"

#include <algorithm>

#include "agent/sinks/sink_kind.h"
#include "agent/sinks/sink_kinds.h"

namespace sluice::app {

SinkSet MakeSinks(const config::AgentConfig& config, const std::string& vm_id,
                  journal::Journal* journal, Counters* counters) {
  SinkSet set;
  for (const config::SinkConfig& sink : config.sinks) {
    const sinks::SinkKind& kind = sinks::KindOf(sink);
    if (!sink.on()) {
      set.off.push_back({sink.name, kind.destination != nullptr ? kind.destination(sink) : ""});
      continue;
    }
    set.workers.push_back(std::make_unique<sinks::SinkWorker>(
        kind.make({config, sink, vm_id, journal, counters}),
        sinks::SinkWorker::Options{.name = sink.name,
                                   .filter = sink.filter.compiled,
                                   .flushed_by_default = kind.flushed_by_default,
                                   .journal = journal,
                                   .counters = counters}));
  }
  return set;
}

bool HasMetricsReader(const config::AgentConfig& config) {
  return std::any_of(config.sinks.begin(), config.sinks.end(), [](const auto& sink) {
    const sinks::SinkKind& kind = sinks::KindOf(sink);
    return sink.on() && kind.reads_metrics != nullptr && kind.reads_metrics(sink);
  });
}

}  // namespace sluice::app
