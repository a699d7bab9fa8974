// The verb `sluice shell-init`.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int ShellInitVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
