// `sluice` alone: the last trace in one sentence, and what to type next.
#pragma once

#include "client/cli/options.h"

namespace sluice::cli {

// Exit code.
int Summarize(GlobalOptions options);

}  // namespace sluice::cli
