// Spans that a shell starts and ends by one-shot calls. They are the agent's to keep: no process
// stays behind, and a shell that is killed takes its spans with it.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

// Prints what a shell evaluates to be within the span.
int SpanStartVerb(GlobalOptions options, std::vector<std::string> arguments);
// Prints nothing: the shell stays where it is.
int SpanBackgroundVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
