// How provisioning went, told to Azure through the pool: `sluice report`, and the same under
// libazureinit-kvp's names.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int ReportVerb(GlobalOptions options, std::vector<std::string> arguments);

int ReportSuccessVerb(GlobalOptions options, std::vector<std::string> arguments);
int ReportFailureVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
