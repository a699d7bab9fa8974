#include "agent/sinks/kvp/stale.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"
#include "proto/base/unique_fd.h"
#include "proto/kvp/boot_time.h"

namespace sluice::kvp {
namespace {

constexpr char kBootIdPath[] = "/proc/sys/kernel/random/boot_id";
// Made early in each boot, and not again. But a service may have a /dev of its own, no older than
// itself.
constexpr const char* kEarlyDirectories[] = {"/dev", "/run"};

absl::StatusOr<std::string> ReadText(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) return ErrnoStatus(absl::StrCat("read ", path));
  return text.str();
}

// The id stored at `path`; empty when there is none.
std::string StoredBootId(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadText(path);
  return text.ok() ? std::string(absl::StripAsciiWhitespace(*text)) : std::string();
}

absl::Status StoreBootId(const std::string& path, const std::string& boot_id) {
  const std::string fresh = absl::StrCat(path, ".new");
  const std::string line = absl::StrCat(boot_id, "\n");
  const UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return ErrnoStatus(absl::StrCat("open ", fresh));
  if (::write(fd.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
      ::fsync(fd.get()) != 0) {
    return ErrnoStatus(absl::StrCat("write ", fresh));
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0)
    return ErrnoStatus(absl::StrCat("rename ", fresh));
  return absl::OkStatus();
}

std::optional<absl::Time> BirthOf(const char* path) {
  struct statfs file_system {};
  // On a disk it is older than the boot.
  if (::statfs(path, &file_system) != 0 || file_system.f_type != TMPFS_MAGIC) return std::nullopt;
  struct statx status {};
  if (::statx(AT_FDCWD, path, 0, STATX_BTIME, &status) != 0) return std::nullopt;
  // Some file systems say that they know it and give the epoch.
  if ((status.stx_mask & STATX_BTIME) == 0 || status.stx_btime.tv_sec == 0) return std::nullopt;
  return absl::FromUnixSeconds(status.stx_btime.tv_sec) +
         absl::Nanoseconds(status.stx_btime.tv_nsec);
}

std::optional<absl::Time> EarlyClock() {
  std::optional<absl::Time> earliest;
  for (const char* const directory : kEarlyDirectories) {
    const std::optional<absl::Time> birth = BirthOf(directory);
    if (birth.has_value()) earliest = std::min(*birth, earliest.value_or(*birth));
  }
  return earliest;
}

bool IsOfThisBootByEarlyClock(const BootFacts& boot, absl::Time modified) {
  if (!boot.early_clock.has_value()) return false;
  return modified > *boot.early_clock && modified <= *boot.early_clock + boot.uptime;
}

absl::Duration Uptime() {
  timespec since_boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  return absl::DurationFromTimespec(since_boot);
}

}  // namespace

absl::StatusOr<BootFacts> ReadBootFacts() {
  ASSIGN_OR_RETURN(const std::string boot_id, ReadText(kBootIdPath));
  const PoolResult<time_t> boot_time = ReadBootTime();
  if (!boot_time.ok()) return ToStatus(boot_time.error());
  return BootFacts{.boot_id = std::string(absl::StripAsciiWhitespace(boot_id)),
                   .boot_time = absl::FromTimeT(*boot_time),
                   .early_clock = EarlyClock(),
                   .uptime = Uptime()};
}

bool IsStale(std::string_view stored_boot_id, const BootFacts& boot, absl::Time modified) {
  if (stored_boot_id == boot.boot_id || IsOfThisBootByEarlyClock(boot, modified)) return false;
  const int64_t written = absl::ToUnixSeconds(modified);
  const int64_t booted = absl::ToUnixSeconds(boot.boot_time);
  return stored_boot_id.empty() ? written <= booted : written < booted;
}

absl::StatusOr<StaleCheck> ClearStalePool(PoolFile* pool, const std::string& boot_id_path,
                                          const BootFacts& boot) {
  const std::string stored = StoredBootId(boot_id_path);
  if (stored == boot.boot_id) return StaleCheck::kFresh;
  std::error_code ignored;
  if (!std::filesystem::exists(pool->path(), ignored)) return StaleCheck::kNoPool;
  StaleCheck outcome = StaleCheck::kFresh;
  {
    ASSIGN_OR_RETURN(PoolFile::Session session, pool->Lock());
    if (session.size() > 0 && IsStale(stored, boot, session.modified())) {
      RETURN_IF_ERROR(session.Truncate(0));
      outcome = StaleCheck::kCleared;
    }
  }
  RETURN_IF_ERROR(StoreBootId(boot_id_path, boot.boot_id));
  return outcome;
}

}  // namespace sluice::kvp
