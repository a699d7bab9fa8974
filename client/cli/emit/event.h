// `sluice event`: one event, sent and acknowledged.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int EventVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
