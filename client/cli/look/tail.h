// `sluice tail`: the journal as log lines, as they were and as they come.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int TailVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
