// `sluice otlp`: whether the destinations of the export can be reached.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int OtlpVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
