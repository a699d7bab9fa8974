#include "agent/config/reload.h"

#include "agent/config/keys.h"

namespace sluice::config {

Reloaded TakeReloadable(const LoadedConfig& current, const LoadedConfig& fresh) {
  Reloaded reloaded{.loaded = current, .changes = {}};
  AgentConfig& config = reloaded.loaded.config;
  config.filter_options = fresh.config.filter_options;
  config.journal.level = fresh.config.journal.level;
  config.kvp.filter = fresh.config.kvp.filter;
  config.log.filter = fresh.config.log.filter;
  config.stderr_sink.filter = fresh.config.stderr_sink.filter;
  config.otlp.filter = fresh.config.otlp.filter;
  reloaded.loaded.warnings = fresh.warnings;
  for (const Key& key : Keys()) {
    Setting& setting = reloaded.loaded.settings.at(key.name);
    const Setting& said = fresh.settings.at(key.name);
    if (setting.value != said.value) {
      reloaded.changes.push_back({key.name, setting.value, said, !key.reloads});
    }
    if (key.reloads) setting = said;
  }
  return reloaded;
}

}  // namespace sluice::config
