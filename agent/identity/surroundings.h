// Whether a process lives on this host or in a container on it, by what /proc tells of any process
// without a capability. The links below /proc/PID/ns need one, and a mount namespace of its own has
// every service with a sandbox; so neither is asked.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "agent/identity/identity.h"

namespace sluice::net {

// What a container changes for those inside.
struct Surroundings {
  // Pid namespaces that have a number for the process, from ours inwards.
  size_t pid_namespaces = 0;
  // Text of uid_map: the user namespace as we see it.
  std::string user_map;
  // Device and path of what is mounted on `/`; empty: that is no mount point, as after chroot(2).
  std::string root;
  // Path of the innermost control group that is a container's own; empty: none.
  std::string container_group;
};

// Out of the texts of /proc/PID/status, uid_map, mountinfo and cgroup.
Surroundings ParseSurroundings(std::string_view status, std::string_view user_map,
                               std::string_view mountinfo, std::string_view cgroup);

// How the one differs from the other, for people: `in another pid namespace`; empty: it does not.
std::string Difference(const Surroundings& process, const Surroundings& ours);

// As of now, between this process and the one that connected as `identity`. Not empty as well where
// /proc does not tell, and where that process is gone.
std::string ContainerSign(const Identity& identity);

// The same for whoever has that number now, with the text of its /proc/PID/cgroup. Who that is the
// caller checks afterwards.
std::string ContainerSign(pid_t pid, std::string_view cgroup);

}  // namespace sluice::net
