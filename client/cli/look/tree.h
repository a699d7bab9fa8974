// `sluice tree`: one trace out of the journal.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int TreeVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
