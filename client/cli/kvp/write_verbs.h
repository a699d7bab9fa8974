// The verbs of `sluice kvp` that change the pool, each as libazureinit-kvp has it.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int WriteVerb(GlobalOptions options, std::vector<std::string> arguments);
int LoadVerb(GlobalOptions options, std::vector<std::string> arguments);
int AppendMultipleVerb(GlobalOptions options, std::vector<std::string> arguments);
int DeleteVerb(GlobalOptions options, std::vector<std::string> arguments);
int DeleteMultipleVerb(GlobalOptions options, std::vector<std::string> arguments);
int ClearVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
