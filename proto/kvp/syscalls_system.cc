#include "proto/kvp/syscalls_system.h"

namespace sluice::kvp {

PoolSyscalls* SystemSyscalls() {
  static PoolSyscalls* const system = new PoolSyscalls;
  return system;
}

}  // namespace sluice::kvp
