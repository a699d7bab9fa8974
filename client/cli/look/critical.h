// `sluice critical`: what a trace had to wait for.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int CriticalVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
