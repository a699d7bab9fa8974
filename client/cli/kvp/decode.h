// Records back into what their writers meant: azure-init's, cloud-init's (22.4 and current) and our
// own events and spans, and reports. Chunks are joined; cloud-init's start and finish become one
// span.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/kvp/pool_image.h"
#include "client/cli/kvp/source.h"

namespace sluice::kvp {

enum class ItemKind {
  kEvent,
  kSpan,
  kReport,
  kOther,  // a key or a value in no known form; `text` is the whole value
};

struct Item {
  ItemKind kind = ItemKind::kOther;
  Writer writer = Writer::kOther;
  std::string key;
  std::string source;  // Source::prefix
  std::string vm_id;
  Level level = Level::kUnspecified;
  std::string type;  // cloud-init's event type
  std::string name;
  std::string text;  // message; of a span what its last record says
  // Of a joined start and finish: what the start says, where the finish says something else.
  std::string start_text;
  std::string result;   // cloud-init's finish: SUCCESS, WARN, FAIL
  bool failed = false;  // sluice's span
  std::string error;    // why it failed; may be empty
  std::string aborted;  // why sluice ended it in its client's place, which is then `error`, too
  // Unix nanoseconds. An event has begin only; a span that was not finished has no end.
  std::optional<uint64_t> begin;
  std::optional<uint64_t> end;
  std::vector<size_t> records;  // indexes in the file, in the order of the text
  // A chunk is missing or was cut; as far as can be told, also where the last is full to the brim.
  bool incomplete = false;
};

// By time; an item without one stands behind the item before it in the file. Text is made valid
// UTF-8, as the codec does; control characters stay.
std::vector<Item> Decode(const PoolImage& image);

}  // namespace sluice::kvp
