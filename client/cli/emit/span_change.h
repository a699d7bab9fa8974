// What a shell says of a span that it has started: events, attributes, its end. The span is the one
// of TRACEPARENT, or of the carrier or folder that is named.
#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"

namespace sluice::cli {

int SpanEventVerb(GlobalOptions options, std::vector<std::string> arguments);
int SpanAttrVerb(GlobalOptions options, std::vector<std::string> arguments);
// Prints what a shell evaluates to be within the span around it again; nothing for a span that is
// named by a file.
int SpanEndVerb(GlobalOptions options, std::vector<std::string> arguments);

}  // namespace sluice::cli
