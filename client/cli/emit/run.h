// `sluice run`: a command, and a span around it.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int RunVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
