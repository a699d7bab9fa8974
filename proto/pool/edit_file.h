// Root's changes of a pool file without an agent, and its age.
#pragma once

#include <cstddef>
#include <ctime>

#include "proto/contract/kvp_edit.h"
#include "proto/pool/pool_store.h"
#include "proto/pool/result.h"

namespace sluice::kvp {

// Seconds since the epoch at which this system booted, by the present clock (btime of /proc/stat).
PoolResult<time_t> ReadBootTime();

// Whether a file with this modification time was written last before that boot; libazureinit-kvp
// calls it stale.
bool WrittenBeforeBoot(timespec modified, time_t boot_time);

// Carries out an edit that has passed CheckEdit, and syncs it; returns how many records kRemove and
// kClear removed. A file that is not there is made for what adds alone. EINVAL: refused, in
// ApplyEdit's words.
PoolResult<size_t> EditPoolFile(PoolStore::Options options, const PoolEdit& edit);

}  // namespace sluice::kvp
