#include "agent/app/host_ids.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "absl/strings/ascii.h"
#include "proto/contract/vm_id.h"

namespace sluice::app {
namespace {

// The first line without blanks around it; empty: no such file.
std::string ReadLine(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return std::string(absl::StripAsciiWhitespace(line));
}

VmGeneration ReadGeneration() {
  const bool efi = ::access("/sys/firmware/efi", F_OK) == 0 || ::access("/dev/efi", F_OK) == 0;
  return efi ? VmGeneration::kGen2 : VmGeneration::kGen1;
}

}  // namespace

HostIds ReadHostIds() {
  HostIds ids;
  const char* const boot_id = std::getenv("SLUICE_BOOT_ID");
  ids.boot_id = ReadLine("/proc/sys/kernel/random/boot_id");
  if (ids.boot_id.empty() && boot_id != nullptr) ids.boot_id = boot_id;
  ids.machine_id = ReadLine("/etc/machine-id");
  ids.vm_id = NormalizeVmId(ReadLine("/sys/class/dmi/id/product_uuid"), ReadGeneration());
  if (ids.vm_id.empty()) ids.vm_id = kNoVmId;
  return ids;
}

}  // namespace sluice::app
