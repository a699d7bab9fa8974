#include "agent/config/reload.h"

#include <algorithm>
#include <utility>

namespace sluice::config {
namespace {

constexpr char kUnset[] = "unset";

// The filter of a sink is chosen from several sources, so it is taken whole.
void TakeFilters(const AgentConfig& fresh, AgentConfig* config) {
  for (SinkConfig& sink : config->sinks) {
    if (const SinkConfig* const from = fresh.FindSink(sink.name)) sink.filter = from->filter;
  }
}

}  // namespace

Reloaded TakeReloadable(const Schema& schema, const LoadedConfig& current,
                        const LoadedConfig& fresh) {
  Reloaded reloaded{.loaded = current, .changes = {}};
  reloaded.loaded.warnings = fresh.warnings;
  AgentConfig from = fresh.config;
  std::map<std::string, BoundKey> fresh_keys;
  for (BoundKey& bound : schema.Bind(&from)) fresh_keys.emplace(bound.name, bound);
  for (const BoundKey& bound : schema.Bind(&reloaded.loaded.config)) {
    Setting& setting = reloaded.loaded.settings.at(bound.name);
    const auto found = fresh_keys.find(bound.name);
    if (found == fresh_keys.end()) {
      reloaded.changes.push_back({bound.name, setting.value, {kUnset, "default"}, true});
      continue;
    }
    const Setting& said = fresh.settings.at(bound.name);
    if (setting.value != said.value) {
      reloaded.changes.push_back({bound.name, setting.value, said, !bound.key->reloads});
    }
    if (bound.key->reloads) {
      bound.key->copy(found->second.settings, bound.settings);
      setting = said;
    }
    fresh_keys.erase(found);
  }
  TakeFilters(fresh.config, &reloaded.loaded.config);
  for (const auto& [name, bound] : fresh_keys) {
    reloaded.changes.push_back({name, kUnset, fresh.settings.at(name), true});
  }
  return reloaded;
}

}  // namespace sluice::config
