#include "agent/identity/surroundings.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/base/mutex.h"
#include "agent/identity/proc_file.h"

namespace sluice::net {
namespace {

// Container managers name groups after ids of so many hexadecimal digits.
constexpr size_t kContainerIdDigits = 64;
constexpr char kUnseen[] = "gone, or not to be seen in /proc";

size_t CountPidNamespaces(absl::string_view status) {
  for (const absl::string_view line : absl::StrSplit(status, '\n')) {
    if (!absl::StartsWith(line, "NSpid:")) continue;
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    return words.size() - 1;
  }
  return 0;
}

// ID PARENT DEVICE ROOT MOUNT_POINT ...; of several mounts on one point the last is to be seen.
std::string RootMount(absl::string_view mountinfo) {
  std::string root;
  for (const absl::string_view line : absl::StrSplit(mountinfo, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    if (words.size() > 4 && words[4] == "/") root = absl::StrCat(words[2], " ", words[3]);
  }
  return root;
}

bool HasContainerId(absl::string_view name) {
  size_t digits = 0;
  for (const char c : name) {
    digits = absl::ascii_isxdigit(static_cast<unsigned char>(c)) ? digits + 1 : 0;
    if (digits == kContainerIdDigits) return true;
  }
  return false;
}

// Groups whose children are containers, or again such groups: cgroupfs's names of Docker's and
// LXC's, systemd-nspawn's, Kubernetes'.
bool HoldsContainers(absl::string_view name) {
  constexpr std::array kNames = {"docker", "lxc", "machine.slice"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         absl::StartsWith(name, "kubepods");
}

// Docker, containerd, CRI-O and Podman go by the id, LXC by name. Their daemons are services like
// any other.
bool IsContainer(absl::string_view name) {
  return HasContainerId(name) || absl::StartsWith(name, "lxc.payload");
}

std::string ContainerOf(absl::string_view path) {
  size_t container_end = 0;
  bool parent_holds = false;
  for (size_t at = 1; at < path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    const absl::string_view name = path.substr(at, end - at);
    const bool holds = HoldsContainers(name);
    if (holds || parent_holds || IsContainer(name)) container_end = end;
    parent_holds = holds;
    at = end + 1;
  }
  return std::string(path.substr(0, container_end));
}

// ID:CONTROLLERS:PATH, a line for each hierarchy.
std::string ContainerGroup(absl::string_view cgroup) {
  for (const absl::string_view line : absl::StrSplit(cgroup, '\n')) {
    const size_t begin = line.find(":/");
    if (begin == absl::string_view::npos) continue;
    std::string group = ContainerOf(line.substr(begin + 1));
    if (!group.empty()) return group;
  }
  return "";
}

std::optional<Surroundings> ReadSurroundings(pid_t pid, std::string_view cgroup) {
  const auto status = ReadProcFile(pid, "status"), user_map = ReadProcFile(pid, "uid_map"),
             mountinfo = ReadProcFile(pid, "mountinfo");
  if (!status || !user_map || !mountinfo) return std::nullopt;
  return ParseSurroundings(*status, *user_map, *mountinfo, cgroup);
}

// A process stays where it began, but for its control group, which systemd chooses before it runs.
std::optional<Surroundings> OurSurroundings() {
  static Mutex mutex;
  static std::optional<Surroundings> ours;
  MutexLock lock(&mutex);
  if (ours) return ours;
  if (const auto cgroup = ReadProcFile(::getpid(), "cgroup")) {
    ours = ReadSurroundings(::getpid(), *cgroup);
  }
  return ours;
}

}  // namespace

Surroundings ParseSurroundings(std::string_view status, std::string_view user_map,
                               std::string_view mountinfo, std::string_view cgroup) {
  return {.pid_namespaces = CountPidNamespaces({status.data(), status.size()}),
          .user_map = std::string(user_map),
          .root = RootMount({mountinfo.data(), mountinfo.size()}),
          .container_group = ContainerGroup({cgroup.data(), cgroup.size()})};
}

std::string Difference(const Surroundings& process, const Surroundings& ours) {
  if (process.pid_namespaces != ours.pid_namespaces) return "in another pid namespace";
  if (process.user_map != ours.user_map) return "in another user namespace";
  if (process.root != ours.root) return "on another root file system";
  if (process.container_group != ours.container_group) {
    return absl::StrCat("in the container group ", process.container_group);
  }
  return "";
}

std::string ContainerSign(pid_t pid, std::string_view cgroup) {
  const auto ours = OurSurroundings();
  const auto process = ReadSurroundings(pid, cgroup);
  return ours && process ? Difference(*process, *ours) : kUnseen;
}

std::string ContainerSign(const Identity& identity) {
  if (identity.pid <= 0) return "in a pid namespace that the agent cannot see";
  const auto cgroup = ReadProcFile(identity.pid, "cgroup");
  const std::string sign = cgroup ? ContainerSign(identity.pid, *cgroup) : kUnseen;
  // Read last: until here the number has been this process's.
  const auto stat = ReadProcessStat(identity.pid);
  const bool is_same = stat && stat->start_time_ticks == identity.start_time_ticks;
  return is_same ? sign : kUnseen;
}

}  // namespace sluice::net
