// Asks the agent what its filters make of a record.
#pragma once

#include <string>

#include "client/cli/options.h"

namespace sluice::cli {

// Prints what each sink's filter in force makes of an encoded Record, and which directive decided.
// kExitOk: some sink or the journal takes it; kExitNegative: nobody does; else the failure's.
int ExplainInForce(const GlobalOptions& options, const std::string& record);

}  // namespace sluice::cli
