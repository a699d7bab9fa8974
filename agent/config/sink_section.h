// What a kind of sink brings to the configuration: a table of its own with its keys and defaults,
// its default filter, its environment variables and flags. The keys `enabled`, `filter` and
// `routes` come by themselves.
#pragma once

#include <any>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/config/agent_config.h"
#include "agent/config/key.h"

namespace sluice::config {

// Names of keys here are without their table: `path`.

struct Variable {
  std::string name;
  std::string key;
  // Null: its text is the value. INVALID_ARGUMENT: it is passed over with a warning, which ends in
  // the message.
  std::function<absl::StatusOr<Value>(const std::string& text)> read;
};

struct Flag {
  std::string name;  // `--log-file`
  std::string key;
  std::string type;  // `PATH`
  std::string help;
};

// Another program's key that stands for one of ours; where both are set, ours wins.
struct Alias {
  std::string name;  // whole: `azure_init_log_path.path`
  std::string key;
};

// The values of one sink after all sources were read, for what no key can tell alone.
struct Resolving {
  const AgentConfig& agent;
  SinkConfig* sink;
  std::function<bool(const std::string& key)> is_said;
  // The load fails, and names where `key` was said.
  std::function<void(const std::string& key, absl::string_view what)> mistake;
};

struct SinkSection {
  std::string name;  // of the table: `log`
  std::string sink;  // of the sink: `file`
  std::any defaults;
  std::function<void*(std::any*)> settings_in;
  std::vector<Key> keys;
  std::string default_filter = "info";
  // That name the filter, the first one wins.
  std::vector<std::string> filter_variables;
  std::vector<Variable> variables;
  std::vector<Flag> flags;
  std::vector<Alias> aliases;
  // Sets defaults that follow from other keys and says what does not go together; may be null.
  std::function<void(const Resolving&)> resolve;
  // `[NAME.INSTANCE]` makes another sink, NAME.INSTANCE, with all these keys. Variables and flags
  // are of `[NAME]` alone. At most kMaxInstances; names of 1 to 32 letters, digits, `-` and `_`.
  bool several = false;
};

inline constexpr size_t kMaxInstances = 8;

template <typename Settings>
SinkSection SectionOf(std::string name, std::string sink, const KeysOf<Settings>& keys) {
  SinkSection section;
  section.name = std::move(name);
  section.sink = std::move(sink);
  section.defaults = Settings();
  section.settings_in = [](std::any* any) -> void* { return std::any_cast<Settings>(any); };
  section.keys = keys.keys();
  return section;
}

}  // namespace sluice::config
