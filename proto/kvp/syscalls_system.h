// Which system calls the pool's store makes where nobody says otherwise. Their definition is alone
// in its .cc, so that a test program may link another one instead.
#pragma once

#include "proto/kvp/syscalls.h"

namespace sluice::kvp {

// The machine's calls. One object for the process, never destroyed.
PoolSyscalls* SystemSyscalls();

}  // namespace sluice::kvp
