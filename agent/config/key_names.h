// What a dotted name in a file is: one of our keys, another program's, or a slip.
#pragma once

#include <string>
#include <string_view>

namespace sluice::config {

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

}  // namespace sluice::config
