// A process that somebody else names by its pid.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "proto/base/unique_fd.h"

namespace sluice::net {

struct LiveProcess {
  pid_t pid = 0;
  uint64_t start_time_ticks = 0;
  // Refers to it; none where descriptors are few.
  UniqueFd pidfd;
};

// A process whose effective uid is `whose`; for 0 anybody's. What is found is of one process, which
// lived when this returned: no mix of two that had the pid in turn. NOT_FOUND: no such process (a
// thread is none), it has ended, or /proc hides it. PERMISSION_DENIED: it is of another uid. Other
// errors are the machine's, such as RESOURCE_EXHAUSTED for want of descriptors.
absl::StatusOr<LiveProcess> FindLiveProcess(pid_t pid, uid_t whose);

}  // namespace sluice::net
