// A configuration file: parsing and applying any bytes is safe, and each value that is taken prints
// as TOML that is taken again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/config/keys.h"
#include "agent/config/toml_file.h"

namespace sluice::config {
namespace {

const Key* Find(const std::string& name) {
  for (const Key& key : Keys()) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

void CheckRoundTrip(const Key& key, const AgentConfig& config) {
  const std::string printed = key.print(config);
  const TomlFile again = ParseToml(key.name + " = " + printed, "again");
  AgentConfig other;
  if (again.entries.size() != 1 || !key.set(again.entries[0].value, &other).ok()) std::abort();
  if (key.print(other) != printed) std::abort();
}

}  // namespace
}  // namespace sluice::config

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::config;
  const TomlFile file = ParseToml({reinterpret_cast<const char*>(data), size}, "fuzz");
  for (const Entry& entry : file.entries) {
    const Key* key = Find(entry.key);
    AgentConfig config;
    if (key != nullptr && key->set(entry.value, &config).ok()) CheckRoundTrip(*key, config);
  }
  return 0;
}
