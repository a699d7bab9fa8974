// Keys of the records that azure-init's layer and ours write: `prefix|vm_id|LEVEL|event_name|uuid`.
#pragma once

#include <string>
#include <string_view>

#include "proto/kvp/slot.h"
#include "proto/record/view.h"

namespace sluice::kvp {

inline constexpr std::string_view kReportKey = "PROVISIONING_REPORT";

struct KeyParts {
  std::string_view prefix;
  std::string_view vm_id;
  Level level = Level::kInfo;
  std::string_view event_name;
  std::string_view uuid;  // makes the key unique; 36 bytes
};

// kSafe: at most 254 bytes, whatever the parts: the prefix is cut at 100 bytes, the vm id at 64,
// and the name takes what is left, so that level and uuid always stand. A `|` inside a part becomes
// `_` and can fake no field. kStrict: as is, at any length.
std::string BuildKey(const KeyParts& parts, Profile profile);

// `target:name`, where the target loses a leading `libazureinit::` or `azure_init::`; the name
// alone where nothing is left of the target or both are the same.
std::string FormatEventName(std::string_view target, std::string_view name);

}  // namespace sluice::kvp
