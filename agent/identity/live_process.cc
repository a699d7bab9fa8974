#include "agent/identity/live_process.h"

#include <poll.h>
#include <sys/syscall.h>

#include <cerrno>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/descriptor_reserve.h"
#include "agent/base/status_macros.h"
#include "agent/identity/proc_file.h"

namespace sluice::net {
namespace {

constexpr std::string_view kUidLine = "Uid:\t";

// The second number of the line `Uid:` in /proc/PID/status.
std::optional<uid_t> ReadEffectiveUid(pid_t pid) {
  const std::optional<std::string> status = ReadProcFile(pid, "status");
  if (!status) return std::nullopt;
  std::string_view rest = *status;
  while (!rest.empty()) {
    const size_t length = rest.find('\n');
    const std::string_view line = rest.substr(0, length);
    rest.remove_prefix(length == std::string_view::npos ? rest.size() : length + 1);
    if (!line.starts_with(kUidLine)) continue;
    const size_t effective = line.find('\t', kUidLine.size()) + 1;
    uid_t uid = 0;
    const auto [end, error] =
        std::from_chars(line.data() + effective, line.data() + line.size(), uid);
    if (error != std::errc()) return std::nullopt;
    return uid;
  }
  return std::nullopt;
}

// A pidfd is readable from the exit on, reaped or not.
bool HasEnded(int pidfd) {
  pollfd one{.fd = pidfd, .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, 0) != 0;
}

}  // namespace

absl::StatusOr<LiveProcess> FindLiveProcess(pid_t pid, uid_t whose) {
  const auto none = [pid] { return absl::NotFoundError(absl::StrCat("no process ", pid)); };
  if (pid <= 0) return none();
  LiveProcess process{.pid = pid};
  process.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.pidfd) {
    // EINVAL, since Linux 6.9 ENOENT: a thread's id.
    if (errno == ESRCH || errno == EINVAL || errno == ENOENT) return none();
    return ErrnoStatus("opening a pidfd");
  }
  const auto stat = ReadProcessStat(pid);
  const auto uid = whose == 0 ? whose : ReadEffectiveUid(pid);
  // It lives, so that its pid was nobody else's all the while.
  if (!stat.has_value() || !uid.has_value() || HasEnded(process.pidfd.get())) return none();
  if (*uid != whose) {
    return absl::PermissionDeniedError(absl::StrCat("process ", pid, " is not of uid ", whose));
  }
  process.start_time_ticks = stat->start_time_ticks;
  process.pidfd = UnlessReserved(std::move(process.pidfd));
  return process;
}

}  // namespace sluice::net
