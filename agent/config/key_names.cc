#include "agent/config/key_names.h"

#include <algorithm>

#include "agent/config/keys.h"
#include "agent/filter/text.h"

namespace sluice::config {

bool IsAzureInitSection(std::string_view section) {
  static constexpr std::string_view kSections[] = {"azure_init_data_dir",
                                                   "azure_init_log_path",
                                                   "azure_proxy_agent",
                                                   "hostname_provisioners",
                                                   "imds",
                                                   "password_provisioners",
                                                   "provisioning_media",
                                                   "ssh",
                                                   "telemetry",
                                                   "user_provisioners",
                                                   "wireserver"};
  return std::find(std::begin(kSections), std::end(kSections), section) != std::end(kSections);
}

NameKind Classify(std::string_view name) {
  const auto is_alias = [name](const Alias& alias) { return alias.name == name; };
  if (std::any_of(std::begin(kAliases), std::end(kAliases), is_alias)) return NameKind::kKey;
  bool is_table = IsAzureInitSection(name);
  for (const Key& key : Keys()) {
    if (key.name == name) return NameKind::kKey;
    is_table = is_table || (key.name.starts_with(name) && key.name[name.size()] == '.');
  }
  if (is_table) return NameKind::kTable;
  return IsAzureInitSection(name.substr(0, name.find('.'))) ? NameKind::kIgnored
                                                            : NameKind::kUnknown;
}

std::string NearestName(std::string_view name) {
  std::string nearest;
  size_t least = name.size() / 3 + 2;  // farther off is no slip of the finger
  for (const Key& key : Keys()) {
    // For a whole unknown section, its name alone is compared.
    const bool is_section = name.find('.') == std::string_view::npos;
    const std::string known = is_section ? key.name.substr(0, key.name.find('.')) : key.name;
    const size_t distance = filter::EditDistance(name.substr(0, 256), known);
    if (distance >= least) continue;
    least = distance;
    nearest = known;
  }
  return nearest;
}

}  // namespace sluice::config
