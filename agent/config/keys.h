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
};

// In the order in which they are printed; keys of one section stand together.
const std::vector<Key>& Keys();

// Names azure-init's configuration has beside ours: their values mean nothing here.
bool IsAzureInitSection(std::string_view section);
// Keys of azure-init's that stand for ours, by name; where ours is set, too, ours wins.
struct Alias {
  std::string_view name;
  std::string_view key;
};
inline constexpr Alias kAliases[] = {{"telemetry.kvp_filter", "kvp.filter"},
                                     {"azure_init_log_path.path", "log.path"}};

enum class NameKind { kKey, kTable, kIgnored, kUnknown };
// What a dotted name in a file is.
NameKind Classify(std::string_view name);
// The known name closest to an unknown one; empty: none is close.
std::string NearestName(std::string_view name);

// A text as a TOML string.
std::string QuoteToml(std::string_view text);

}  // namespace sluice::config
