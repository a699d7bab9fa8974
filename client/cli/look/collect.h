// `sluice collect`: what it takes to look into a machine from elsewhere, in one file.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int CollectVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
