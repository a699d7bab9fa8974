// In a file of its own, so that a test program may link another one instead.
#include "proto/kvp/syscalls.h"

namespace sluice::kvp {

PoolSyscalls* PoolSyscalls::System() {
  static PoolSyscalls* const system = new PoolSyscalls;
  return system;
}

}  // namespace sluice::kvp
