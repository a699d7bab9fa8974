// When this system booted, and whether a pool was written before.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "proto/kvp/result.h"

namespace sluice::kvp {

// Seconds since the epoch, from the text of /proc/stat. ENOENT: it has no btime; EINVAL: no number.
PoolResult<time_t> ParseBootTime(std::string_view proc_stat);

// Of this system, by the present clock.
PoolResult<time_t> ReadBootTime();

// Whether a file with this modification time was written last before that boot; libazureinit-kvp
// calls it stale.
bool WrittenBeforeBoot(timespec modified, time_t boot_time);

// The same of the file at `path`; one that is not there was not.
PoolResult<bool> IsStale(const std::string& path);

}  // namespace sluice::kvp
