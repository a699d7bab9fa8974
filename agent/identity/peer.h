// Who is at the other end of a Unix socket, as the kernel and /proc say.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
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
  // Root of this host, outside containers, when it was accepted; for whoever accepts to fill in, by
  // JudgeHostRoot.
  bool is_host_root = false;
};

// The uid that connected (SO_PEERCRED), fixed at connect(2): a socket that was inherited or passed
// on keeps its creator's.
absl::StatusOr<uid_t> PeerUid(int socket);

// Everything known of the peer. What /proc does not give (hidepid, a peer of another pid namespace,
// a process that is gone) stays empty. What it gives is believed only where the start time was the
// same before and after reading and, with a pidfd, its process is not reaped yet: no mix of two
// processes that had one pid in turn.
absl::StatusOr<Peer> IdentifyPeer(int socket);

// What is read of /proc/PID/stat. The name is text: what is not UTF-8 in it is U+FFFD.
struct ProcessStat {
  std::string comm;
  uint64_t start_time_ticks = 0;

  bool operator==(const ProcessStat&) const = default;
};

// nullopt: no such process, or hidden.
std::optional<ProcessStat> ReadProcessStat(pid_t pid);

// Fields 2 and 22 of the text of /proc/PID/stat. Field 2 may itself hold blanks and brackets.
std::optional<ProcessStat> ParseProcessStat(std::string_view stat);

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
