// `sluice traces`: which traces the journal holds.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int TracesVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
