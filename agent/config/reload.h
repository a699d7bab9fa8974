// What a running agent takes of a configuration that was read again: the keys that `reloads`
// (key.h), that is filters, routes, what is kept for the views, and what of its own a kind of sink
// takes while it runs. The rest stays as it is.
#pragma once

#include <string>
#include <vector>

#include "agent/config/load.h"

namespace sluice::config {

struct SettingChange {
  std::string key;
  // `unset` for a value of a sink that is configured only now; and that is the new value where it
  // is not any more.
  std::string old_value;
  Setting setting;  // as it is said now
  // It stays as it was: only a start of the agent takes it.
  bool needs_restart = false;
};

struct Reloaded {
  LoadedConfig loaded;  // in force from now on
  std::vector<SettingChange> changes;
};

Reloaded TakeReloadable(const Schema& schema, const LoadedConfig& current,
                        const LoadedConfig& fresh);

}  // namespace sluice::config
