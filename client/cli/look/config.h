// `sluice config`: which configuration is in force, and taking a changed one.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int ConfigVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
