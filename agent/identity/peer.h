// Who is at the other end of a Unix socket, as the kernel and /proc say.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/identity/identity.h"
#include "proto/base/unique_fd.h"

namespace sluice::net {

struct Peer {
  Identity identity;
  // Refers to the peer's process, also after it is gone. None before Linux 6.5, or when descriptors
  // are few.
  UniqueFd pidfd;
  // Root of this host, outside containers, as host_root.h says; out of the same reading.
  bool is_host_root = false;
};

// The uid that connected (SO_PEERCRED), fixed at connect(2): a socket that was inherited or passed
// on keeps its creator's.
absl::StatusOr<uid_t> PeerUid(int socket);

// Everything known of the peer. What /proc does not give (hidepid, a peer of another pid namespace,
// a process that is gone) stays empty. What it gives is believed only where afterwards the process
// of the pidfd is not reaped yet or, without one, the start time is still the same: no mix of two
// processes that had one pid in turn. Reads two files of /proc, for uid 0 five, and without a pidfd
// one more.
absl::StatusOr<Peer> IdentifyPeer(int socket);

// The systemd unit out of the text of /proc/PID/cgroup: the outermost part of the path that is not
// a slice, e.g. `cron.service`, `session-3.scope`, `user@1000.service`. Parts below it are named by
// the unit itself, which may be a user's, and are not believed. Unified and `name=systemd` lines.
// Text likewise; empty: none.
std::string ParseUnit(std::string_view cgroup);

// The uid of a Kubernetes pod out of the same text, from control groups above the unit alone, as
// the kubelet makes them: `kubepods-burstable-podUID.slice` with `_` for `-`, or
// `kubepods/burstable/podUID`. Empty: none.
std::string ParsePod(std::string_view cgroup);

}  // namespace sluice::net
