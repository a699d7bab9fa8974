// Makes an AgentConfig out of files, environment and flags. In this order, the later wins:
// /etc/sluice/sluice.toml, /etc/sluice/sluice.toml.d/*.toml by name, each --config in turn (a
// directory means its *.toml by name), environment, flags. A key set in several files takes the
// last value; tables merge, lists do not.
//
// Strict: an unknown key, a wrong type or a value out of range fails the load, naming file, line,
// column and the nearest known key. Only filters are lenient: a bad one is left out with a warning
// and the next source counts. azure-init's own keys are known and ignored, so that its file can be
// given as it is.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/config/agent_config.h"
#include "agent/config/schema.h"

namespace sluice::config {

// What the command line says.
struct FlagValues {
  std::vector<std::string> config;            // --config, in order
  std::map<std::string, std::string> values;  // by name of the flag (Schema::Flags)
};

struct Sources {
  // Read where they exist; tests name their own.
  std::string main_file = "/etc/sluice/sluice.toml";
  std::string main_directory = "/etc/sluice/sluice.toml.d";
  // The value of an environment variable; unset: none.
  std::function<std::optional<std::string>(const std::string& name)> environment;
  FlagValues flags;

  // With the process's own environment.
  static Sources OfProcess(FlagValues flags);
};

// One key's value in force, as text, and where it was said.
struct Setting {
  std::string value;   // as TOML
  std::string origin;  // `default`, `file PATH:LINE`, `environment NAME`, `flag --NAME`
};

struct LoadedConfig {
  AgentConfig config;
  std::map<std::string, Setting> settings;  // by dotted key; every key there is
  std::vector<std::string> warnings;        // for the log, one line each
};

// INVALID_ARGUMENT: the files say something wrong; the message has one line per mistake,
// `PATH:LINE:COLUMN: what`. NOT_FOUND, PERMISSION_DENIED: a file named by --config cannot be read.
absl::StatusOr<LoadedConfig> Load(const Schema& schema, const Sources& sources);

// The configuration in force as TOML, each key with its origin behind it. Loads back to the same.
std::string Print(const Schema& schema, const LoadedConfig& loaded);

}  // namespace sluice::config
