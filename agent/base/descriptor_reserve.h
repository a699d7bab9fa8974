// The last descriptors of the process, which peers do not get: segments, log and pool must open
// whatever peers do.
#pragma once

#include "proto/base/unique_fd.h"

namespace sluice::net {

// Of a limit (RLIMIT_NOFILE) of 256 or more. Of a lower one a quarter is kept.
inline constexpr int kReservedDescriptors = 64;

// Whether `fd`, just opened, is one of the last. The kernel gives the lowest number that is free.
bool IsReserved(int fd);

// What is done on behalf of a peer and can be done without: none instead of one of the last.
UniqueFd UnlessReserved(UniqueFd fd);

}  // namespace sluice::net
