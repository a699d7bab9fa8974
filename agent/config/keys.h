// Every key of the configuration: its name, how its value is read into an AgentConfig and printed
// out of it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "agent/config/agent_config.h"

namespace sluice::config {

// What a configuration file can say for one key.
using Value = std::variant<bool, int64_t, std::string, std::vector<std::string>,
                           std::map<std::string, std::string>>;

struct Key {
  std::string name;  // dotted: `journal.max`
  // INVALID_ARGUMENT: wrong type, not readable or out of range.
  std::function<absl::Status(const Value&, AgentConfig*)> set;
  // As TOML.
  std::function<std::string(const AgentConfig&)> print;
  // A reload takes it (reload.h); else only a start of the agent does.
  bool reloads = false;
};

// In the order in which they are printed; keys of one section stand together.
const std::vector<Key>& Keys();

// A text as a TOML string.
std::string QuoteToml(std::string_view text);

}  // namespace sluice::config
