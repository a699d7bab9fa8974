#include "agent/app/sink_set.h"

#include <algorithm>

namespace sluice::app {

SinkSet MakeSinks(const sinks::SinkContext& context) {
  SinkSet set;
  for (const sinks::SinkKind& kind : sinks::AllSinkKinds()) {
    if (!kind.enabled(*context.config)) {
      set.off.push_back(
          {kind.name, kind.destination != nullptr ? kind.destination(*context.config) : ""});
      continue;
    }
    set.workers.push_back(std::make_unique<sinks::SinkWorker>(
        kind.make(context),
        sinks::SinkWorker::Options{.name = kind.name,
                                   .filter = kind.filter(*context.config).compiled,
                                   .journal = context.journal,
                                   .counters = context.counters}));
  }
  return set;
}

sinks::SinkWorker* FindWorker(const SinkSet& set, const std::string& name) {
  for (const auto& worker : set.workers) {
    if (worker->name() == name) return worker.get();
  }
  return nullptr;
}

const config::SinkFilter& FilterOf(const config::AgentConfig& config, const std::string& sink) {
  const std::vector<sinks::SinkKind> kinds = sinks::AllSinkKinds();
  return std::find_if(kinds.begin(), kinds.end(),
                      [&](const sinks::SinkKind& kind) { return kind.name == sink; })
      ->filter(config);
}

}  // namespace sluice::app
