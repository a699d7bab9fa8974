#include "agent/identity/peer.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/base/descriptor_reserve.h"
#include "agent/base/status_macros.h"
#include "agent/identity/proc_file.h"
#include "agent/identity/surroundings.h"
#include "proto/wire/utf8.h"

namespace sluice::net {
namespace {

// Linux 6.5; not in Debian 12's headers.
constexpr int kSoPeerPidfd = 77;
constexpr size_t kMaxUnitBytes = 255;

bool IsReaped(int pidfd) {
  return ::syscall(SYS_pidfd_send_signal, pidfd, 0, nullptr, 0) != 0 && errno == ESRCH;
}

// A process names itself as it likes, and the kernel cuts that anywhere; but it goes into `string`
// fields, which a reader refuses where they are not UTF-8.
std::string ValidText(std::string_view text) {
  std::string valid;
  AppendValidUtf8(text, &valid);
  return valid;
}

bool EndsWithAny(std::string_view name, std::initializer_list<std::string_view> suffixes) {
  for (const std::string_view suffix : suffixes) {
    if (name.size() > suffix.size() && name.ends_with(suffix)) return true;
  }
  return false;
}

bool IsSlice(std::string_view name) { return EndsWithAny(name, {".slice"}); }

bool IsUnit(std::string_view name) {
  return name.size() <= kMaxUnitBytes &&
         EndsWithAny(name, {".service", ".scope", ".socket", ".mount", ".swap"});
}

// Up to the next slash, which goes too.
std::string_view TakePart(std::string_view* path) {
  const size_t slash = path->find('/');
  const std::string_view part = path->substr(0, slash);
  path->remove_prefix(slash == std::string_view::npos ? path->size() : slash + 1);
  return part;
}

// Of the text of /proc/PID/cgroup: where systemd has the process.
std::string_view SystemdPath(std::string_view cgroup) {
  std::string_view found;
  while (!cgroup.empty()) {
    const size_t end = cgroup.find('\n');
    const std::string_view line = cgroup.substr(0, end);
    cgroup.remove_prefix(end == std::string_view::npos ? cgroup.size() : end + 1);
    const size_t controllers = line.find(':');
    const size_t path = line.find(":/");
    if (controllers == std::string_view::npos || path == std::string_view::npos) continue;
    const bool legacy = line.substr(controllers).starts_with(":name=systemd:");
    if ((line.starts_with("0::") && found.empty()) || legacy) found = line.substr(path + 2);
  }
  return found;
}

std::string UnitOfPath(std::string_view path) {
  while (!path.empty()) {
    std::string_view part = TakePart(&path);
    // systemd puts `_` before names that would look like a controller's file.
    if (part.starts_with('_')) part.remove_prefix(1);
    if (part.empty() || part == ".." || IsSlice(part)) continue;
    return IsUnit(part) ? ValidText(part) : "";
  }
  return "";
}

// A UUID, or the hash that stands for one where the pod comes from a file of the node.
bool IsPodUid(std::string_view text) {
  return (text.size() == 36 || text.size() == 32) &&
         text.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
}

std::string PodOfPath(std::string_view path) {
  bool is_below_kubepods = false;
  while (!path.empty()) {
    std::string_view part = TakePart(&path);
    if (IsSlice(part)) {
      part.remove_suffix(std::string_view(".slice").size());
      is_below_kubepods = part.find("kubepods") != std::string_view::npos;
      part = part.substr(part.rfind('-') + 1);  // npos + 1 is 0
    } else if (part == "kubepods") {
      is_below_kubepods = true;
    } else if (!is_below_kubepods || IsUnit(part)) {
      return "";
    }
    if (!is_below_kubepods || !part.starts_with("pod")) continue;
    std::string pod(part.substr(3));
    std::replace(pod.begin(), pod.end(), '_', '-');
    return IsPodUid(pod) ? pod : "";
  }
  return "";
}

// Whether what was just read of /proc was the peer's: a number is not given anew before its process
// is reaped. Without a pidfd at least all of it was one process's.
bool WasPeers(const Peer& peer, const ProcessStat& stat) {
  if (peer.pidfd) return !IsReaped(peer.pidfd.get());
  const std::optional<ProcessStat> now = ReadProcessStat(peer.identity.pid);
  return now && now->start_time_ticks == stat.start_time_ticks;
}

void ReadProcess(Peer* peer) {
  Identity& identity = peer->identity;
  if (identity.pid <= 0) return;
  std::optional<ProcessStat> stat = ReadProcessStat(identity.pid);
  if (!stat) return;
  const std::optional<std::string> cgroup = ReadProcFile(identity.pid, "cgroup");
  const bool is_host_root =
      identity.uid == 0 && cgroup && ContainerSign(identity.pid, *cgroup).empty();
  if (!WasPeers(*peer, *stat)) return;
  identity.start_time_ticks = stat->start_time_ticks;
  identity.comm = std::move(stat->comm);
  if (cgroup) identity.unit = ParseUnit(*cgroup);
  if (cgroup) identity.pod = ParsePod(*cgroup);
  peer->is_host_root = is_host_root;
}

absl::StatusOr<ucred> PeerCredentials(int socket) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return ErrnoStatus("reading the peer's credentials");
  }
  return credentials;
}

UniqueFd PeerPidfd(int socket) {
  int pidfd = -1;
  socklen_t size = sizeof(pidfd);
  if (::getsockopt(socket, SOL_SOCKET, kSoPeerPidfd, &pidfd, &size) != 0) return UniqueFd();
  return UnlessReserved(UniqueFd(pidfd));
}

}  // namespace

absl::StatusOr<uid_t> PeerUid(int socket) {
  ASSIGN_OR_RETURN(const ucred credentials, PeerCredentials(socket));
  return credentials.uid;
}

absl::StatusOr<Peer> IdentifyPeer(int socket) {
  ASSIGN_OR_RETURN(const ucred credentials, PeerCredentials(socket));
  Peer peer{.pidfd = PeerPidfd(socket)};
  peer.identity.pid = credentials.pid;
  peer.identity.uid = credentials.uid;
  peer.identity.gid = credentials.gid;
  ReadProcess(&peer);
  return peer;
}

std::string ParseUnit(std::string_view cgroup) { return UnitOfPath(SystemdPath(cgroup)); }

std::string ParsePod(std::string_view cgroup) { return PodOfPath(SystemdPath(cgroup)); }

}  // namespace sluice::net
