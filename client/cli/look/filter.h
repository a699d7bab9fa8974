// `sluice filter`: is a filter sound, and what does it make of a record.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int FilterVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
