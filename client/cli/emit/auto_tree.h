// Shows a span that has just ended, for `sluice run --auto-tree`.
#pragma once

#include <string>

#include "proto/trace/ids.h"

namespace sluice::cli {

// Runs `sluice tree` of the span on stderr, so that the wrapped command's stdout stays its own, and
// waits until it is done.
void ShowTreeOf(const std::string& socket, const SpanId& span);

}  // namespace sluice::cli
