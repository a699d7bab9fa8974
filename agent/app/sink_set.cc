#include "agent/app/sink_set.h"

namespace sluice::app {

SinkSet MakeSinks(const sinks::SinkContext& context) {
  SinkSet set;
  for (const sinks::SinkKind& kind : sinks::AllSinkKinds()) {
    if (!kind.enabled(*context.config)) {
      set.off.push_back(kind.name);
      continue;
    }
    set.workers.push_back(std::make_unique<sinks::SinkWorker>(kind.make(context),
                                                              kind.filter(*context.config).compiled,
                                                              context.journal, context.counters));
  }
  return set;
}

std::shared_ptr<const filter::Filter> FilterOf(const config::AgentConfig& config,
                                               const std::string& sink) {
  for (const sinks::SinkKind& kind : sinks::AllSinkKinds()) {
    if (kind.name == sink) return kind.filter(config).compiled;
  }
  return nullptr;
}

}  // namespace sluice::app
