// `sluice flush`: waits until the sinks have written what was acknowledged.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int FlushVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
