// What the kvp verbs print for programs. Holds the records' text as it is.
#pragma once

#include <string>
#include <vector>

#include "client/cli/kvp/check.h"
#include "client/cli/kvp/decode.h"
#include "client/cli/kvp/pool_image.h"
#include "client/cli/kvp/render.h"
#include "client/cli/kvp/usage.h"

namespace sluice::cli {

// One object, of the names that RenderInfo prints.
std::string RenderInfoJson(const PoolInfo& info);
// An array of {"key", "value"} in the order of the file.
std::string RenderDumpJson(const kvp::PoolImage& image);
// An object by key, each with its last value.
std::string RenderEntriesJson(const kvp::PoolImage& image);
// An array of events, spans and reports. Times are strings of nanoseconds since the Unix epoch, or
// null.
std::string RenderDecodedJson(const std::vector<kvp::Item>& items);
// An object of the whole, its writers an array.
std::string RenderUsageJson(const kvp::PoolUsage& usage);
// An array of {"harm", "record", "key", "what"}; without "record" and "key" where it is of the
// file.
std::string RenderFindingsJson(const std::vector<kvp::Finding>& findings,
                               const kvp::PoolImage& image);

}  // namespace sluice::cli
