// Who sent something, as the kernel says.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace sluice {

// Taken when a connection is accepted, before its first byte is read. uid and gid are fit for
// decisions; pid and what follows from it are decoration.
struct Identity {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  // Field 22 of /proc/PID/stat, clock ticks since boot; 0: not known. With pid it names one
  // process.
  uint64_t start_time_ticks = 0;
  // systemd unit out of the cgroup path; empty: none.
  std::string unit;
  // Uid of the Kubernetes pod out of the same path; empty: none.
  std::string pod;
  // Command name, at most 15 bytes; empty: not known.
  std::string comm;

  bool operator==(const Identity&) const = default;
};

}  // namespace sluice
