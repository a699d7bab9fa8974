// `sluice kvp`: what is in the Hyper-V KVP pool, and changes of it.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int KvpVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
