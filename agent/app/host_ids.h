// What this machine and this boot are called.
#pragma once

#include <string>

namespace sluice::app {

struct HostIds {
  // /proc/sys/kernel/random/boot_id; SLUICE_BOOT_ID where a sandbox hides that file.
  std::string boot_id;
  // SMBIOS product UUID as Azure knows the machine (byte-swapped on generation 1); the zero UUID
  // where it cannot be read, which takes root.
  std::string vm_id;
  // /etc/machine-id; empty: none.
  std::string machine_id;
};

HostIds ReadHostIds();

}  // namespace sluice::app
