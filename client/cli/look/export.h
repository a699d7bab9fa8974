// `sluice export`: one trace as a file for other programs.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int ExportVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
