// `sluice run`: a command inside a span.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int RunVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
