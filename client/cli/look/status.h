// `sluice status`: how the agent is doing.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int StatusVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
