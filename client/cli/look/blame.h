// `sluice blame`: which spans took the time of a trace.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int BlameVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
