// A configuration file: parsing and applying any bytes is safe, and each value that is taken prints
// as TOML that is taken again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "agent/config/toml_file.h"
#include "agent/sinks/sink_kinds.h"

namespace sluice::config {
namespace {

const Schema& Keys() { return sinks::ConfigSchema(); }

std::vector<Instance> InstancesOf(const TomlFile& file) {
  std::vector<Instance> instances;
  for (const auto& [instance, where] : file.instances) instances.push_back(instance);
  return instances;
}

// The key of this name in `*config`; `key` is null: there is none.
BoundKey Find(const std::string& name, AgentConfig* config) {
  for (const BoundKey& bound : Keys().Bind(config)) {
    if (bound.name == name) return bound;
  }
  return {};
}

void CheckRoundTrip(const BoundKey& bound, const std::vector<Instance>& instances) {
  const std::string printed = bound.key->print(bound.settings);
  const TomlFile again = ParseToml(bound.name + " = " + printed, "again", Keys());
  AgentConfig other = Keys().Defaults(instances);
  const BoundKey key = Find(bound.name, &other);
  if (again.entries.size() != 1 || !key.key->set(again.entries[0].value, key.settings).ok()) {
    std::abort();
  }
  if (key.key->print(key.settings) != printed) std::abort();
}

}  // namespace
}  // namespace sluice::config

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::config;
  const TomlFile file = ParseToml({reinterpret_cast<const char*>(data), size}, "fuzz", Keys());
  const std::vector<Instance> instances = InstancesOf(file);
  for (const Entry& entry : file.entries) {
    AgentConfig config = Keys().Defaults(instances);
    const BoundKey bound = Find(entry.key, &config);
    if (bound.key != nullptr && bound.key->set(entry.value, bound.settings).ok()) {
      CheckRoundTrip(bound, instances);
    }
  }
  return 0;
}
