// The verb `sluice span`: a span in one word, or one that a shell starts and ends.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int SpanVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
