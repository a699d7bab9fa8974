// Who wrote a record, as its key tells.
//
//   azure-init, sluice:  PREFIX|VM_ID|LEVEL|NAME|UUID          chunks share the key
//   cloud-init 22.4:     CLOUD_INIT|INCARNATION|TYPE|NAME|UUID[|CHUNK]
//   cloud-init current:  CLOUD_INIT|INCARNATION|TYPE|NAME|VM_ID|UUID[|CHUNK]
//   a report:            PROVISIONING_REPORT
//
// A NAME may itself hold `|`.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "proto/record/view.h"

namespace sluice::kvp {

enum class Writer { kSluice, kAzureInit, kCloudInit, kReport, kOther };

std::string_view WriterName(Writer writer);

// Views into the key; what the key does not hold is empty.
struct Source {
  Writer writer = Writer::kOther;
  // `azure-init-0.1.1`, `sluice-0.1.0-u1000`, `CLOUD_INIT|1700000000`; what stands before the first
  // `|` of an unknown writer's key.
  std::string_view prefix;
  std::string_view vm_id;
  Level level = Level::kUnspecified;
  std::string_view type;  // cloud-init: start, finish, diagnostic, ...
  std::string_view name;
  std::string_view uuid;
  std::optional<size_t> chunk;  // cloud-init
  // The key without its chunk number: equal for all records of one event.
  std::string_view event_key;
};

Source ParseKey(std::string_view key);

}  // namespace sluice::kvp
