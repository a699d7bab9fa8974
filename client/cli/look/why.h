// `sluice why`: what went wrong, in a trace or in this boot.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int WhyVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
