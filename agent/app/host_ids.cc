#include "agent/app/host_ids.h"

#include <cstdlib>
#include <fstream>

#include "absl/strings/ascii.h"
#include "proto/kvp/vm_id.h"

namespace sluice::app {
namespace {

// The first line without blanks around it; empty: no such file.
std::string ReadLine(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return std::string(absl::StripAsciiWhitespace(line));
}

}  // namespace

HostIds ReadHostIds() {
  HostIds ids;
  const char* const boot_id = std::getenv("SLUICE_BOOT_ID");
  ids.boot_id = ReadLine("/proc/sys/kernel/random/boot_id");
  if (ids.boot_id.empty() && boot_id != nullptr) ids.boot_id = boot_id;
  ids.machine_id = ReadLine("/etc/machine-id");
  ids.vm_id = ReadVmId();
  if (ids.vm_id.empty()) ids.vm_id = kNoVmId;
  return ids;
}

}  // namespace sluice::app
