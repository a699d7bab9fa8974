#include "proto/kvp/key.h"

#include <algorithm>

#include "proto/wire/utf8.h"

namespace sluice::kvp {
namespace {

constexpr size_t kPrefixBytes = 100;
constexpr size_t kVmIdBytes = 64;
constexpr size_t kUuidBytes = 36;

std::string JoinParts(const KeyParts& parts) {
  std::string key(parts.prefix);
  for (const std::string_view part :
       {parts.vm_id, LevelName(parts.level), parts.event_name, parts.uuid}) {
    (key += '|') += part;
  }
  return key;
}

// Valid text of at most `limit` bytes without a `|`.
std::string SafePart(std::string_view part, size_t limit) {
  std::string safe = SafeText(part);
  safe.resize(Utf8Boundary(safe, limit));
  std::replace(safe.begin(), safe.end(), '|', '_');
  return safe;
}

bool TakePrefix(std::string_view prefix, std::string_view* text) {
  const bool begins = text->starts_with(prefix);
  if (begins) text->remove_prefix(prefix.size());
  return begins;
}

}  // namespace

std::string BuildKey(const KeyParts& parts, Profile profile) {
  if (profile == Profile::kStrict) return JoinParts(parts);
  const std::string prefix = SafePart(parts.prefix, kPrefixBytes);
  const std::string vm_id = SafePart(parts.vm_id, kVmIdBytes);
  const std::string uuid = SafePart(parts.uuid, kUuidBytes);
  KeyParts safe{prefix, vm_id, parts.level, "", uuid};
  const std::string name = SafePart(parts.event_name, kSafeKeyBytes - JoinParts(safe).size());
  safe.event_name = name;
  return JoinParts(safe);
}

std::string FormatEventName(std::string_view target, std::string_view name) {
  std::string_view module = target;
  if (!TakePrefix("libazureinit::", &module)) TakePrefix("azure_init::", &module);
  if (module.empty() || (module == target && target == name)) return std::string(name);
  return std::string(module) + ':' + std::string(name);
}

}  // namespace sluice::kvp
