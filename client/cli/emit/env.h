// `sluice env`: the environment that brings other programs to the agent's socket.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int EnvVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
