// Root's changes of a pool file without an agent.
#pragma once

#include <cstddef>

#include "proto/kvp/edit.h"
#include "proto/kvp/result.h"
#include "proto/kvp/store.h"

namespace sluice::kvp {

// Carries out an edit that has passed CheckEdit, and syncs it; returns how many records kRemove and
// kClear removed. An agent that keeps this pool does not write again what is removed. A file that
// is not there is made for what adds alone. EINVAL: refused, in ApplyEdit's words.
PoolResult<size_t> EditPoolFile(PoolStore::Options options, const PoolEdit& edit);

}  // namespace sluice::kvp
