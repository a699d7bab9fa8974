#include "agent/config/agent_config.h"

namespace sluice::config {

const SinkConfig* AgentConfig::FindSink(std::string_view name) const {
  for (const SinkConfig& sink : sinks) {
    if (sink.name == name) return &sink;
  }
  return nullptr;
}

}  // namespace sluice::config
