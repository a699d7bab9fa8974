// What this process tells the agent of records that never left it: Batch.client_losses.
#pragma once

#include <string>

#include "client/src/recorder.h"

namespace sluice {

// Fields of a sluice.v1.Batch; empty where nothing was lost.
std::string EncodeLosses(const DropCounters& drops);

}  // namespace sluice
