// What people and scripts write for records and supporting data, as libazureinit-kvp reads it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/cli/exit_code.h"
#include "proto/kvp/edit.h"

namespace sluice::cli {

// `KEY=VALUE` lines, split at the first `=`; empty lines are skipped. kExitUsage: a line has none.
Result<std::vector<kvp::KeyValue>> ParseRecordLines(std::string_view text);

// `k=v,k2='a,b'`: fields between commas, in order; empty ones are skipped. A value may stand in
// matching quotes if they begin right behind the `=` and end with the field. kExitUsage otherwise.
Result<std::vector<kvp::KeyValue>> ParseSupportingData(std::string_view text);

}  // namespace sluice::cli
