// `sluice plot`: one trace as a waterfall in an HTML page.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int PlotVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
