#include "agent/sinks/kvp/pool_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"

namespace sluice::kvp {
namespace {

constexpr uint32_t kChanges = IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

}  // namespace

absl::StatusOr<PoolWatch> PoolWatch::Create(const std::string& pool_path) {
  UniqueFd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify) return ErrnoStatus("inotify_init1");
  PoolWatch watch(std::filesystem::absolute(pool_path).lexically_normal(), std::move(inotify));
  RETURN_IF_ERROR(watch.WatchNearest());
  return watch;
}

PoolWatch::PoolWatch(std::string pool_path, UniqueFd inotify)
    : pool_path_(std::move(pool_path)), inotify_(std::move(inotify)) {}

absl::Status PoolWatch::WatchNearest() {
  std::filesystem::path folder = std::filesystem::path(pool_path_).parent_path();
  while (true) {
    const int watch = ::inotify_add_watch(inotify_.get(), folder.c_str(), kChanges);
    if (watch >= 0) {
      // The same folder gives the same watch again.
      if (watch_ >= 0 && watch != watch_) ::inotify_rm_watch(inotify_.get(), watch_);
      watch_ = watch;
      // A nearer folder may have come between looking and watching; then it would go unseen.
      const std::filesystem::path nearer =
          folder / std::filesystem::path(pool_path_).lexically_relative(folder).begin()->native();
      std::error_code ignored;
      if (nearer == pool_path_ || !std::filesystem::is_directory(nearer, ignored)) {
        return absl::OkStatus();
      }
      folder = std::filesystem::path(pool_path_).parent_path();
    } else if ((errno == ENOENT || errno == ENOTDIR) && folder.has_relative_path()) {
      folder = folder.parent_path();
    } else {
      return ErrnoStatus(absl::StrCat("watch ", folder.native()));
    }
  }
}

absl::Status PoolWatch::Read() {
  alignas(inotify_event) char events[4096];
  ssize_t n = 0;
  // What the events say is of no interest: the path is looked at anew.
  while ((n = ::read(inotify_.get(), events, sizeof events)) > 0 || (n < 0 && errno == EINTR)) {
  }
  if (n < 0 && errno != EAGAIN) return ErrnoStatus(absl::StrCat("read the watch for ", pool_path_));
  return WatchNearest();
}

}  // namespace sluice::kvp
