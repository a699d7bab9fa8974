// What a running agent takes of a configuration that was read again: the keys that `reloads`
// (keys.h), that is filters, routes and what is kept for the views. The rest stays as it is.
#pragma once

#include <string>
#include <vector>

#include "agent/config/load.h"

namespace sluice::config {

struct SettingChange {
  std::string key;
  std::string old_value;
  Setting setting;  // as it is said now
  // It stays as it was: only a start of the agent takes it.
  bool needs_restart = false;
};

struct Reloaded {
  LoadedConfig loaded;  // in force from now on
  std::vector<SettingChange> changes;
};

Reloaded TakeReloadable(const LoadedConfig& current, const LoadedConfig& fresh);

}  // namespace sluice::config
