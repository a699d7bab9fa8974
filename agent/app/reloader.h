// The configuration in force, and how it changes while the agent runs.
#pragma once

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/app/sink_set.h"
#include "agent/config/load.h"
#include "agent/config/reload.h"
#include "sluice/v1/query.pb.h"

namespace sluice::app {

// Owned by the loop's thread.
class Reloader {
 public:
  Reloader(config::Sources sources, config::LoadedConfig loaded)
      : sources_(std::move(sources)), loaded_(std::move(loaded)) {}

  const config::LoadedConfig& loaded() const { return loaded_; }
  const config::AgentConfig& config() const { return loaded_.config; }
  std::vector<v1::Setting> Settings() const;

  // SIGHUP and Control.Reload: reads all sources again, hands each of `sinks` what is its, has
  // files opened anew, and calls `changed`. An error, which is logged: the old configuration stays,
  // whole.
  absl::StatusOr<config::Reloaded> Reload(const SinkSet& sinks,
                                          const std::function<void()>& changed);

 private:
  absl::StatusOr<config::Reloaded> LoadAgain() const;
  void Apply(const config::Reloaded& reloaded, const SinkSet& sinks);

  const config::Sources sources_;
  config::LoadedConfig loaded_;
};

}  // namespace sluice::app
