#include "agent/sinks/kvp/pool_watch.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"

namespace sluice::kvp {
namespace {

constexpr uint32_t kChanges = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF |
                              IN_MOVE_SELF | IN_ONLYDIR;

}  // namespace

absl::StatusOr<PoolWatch> PoolWatch::Create(const std::string& pool_path) {
  UniqueFd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify) return ErrnoStatus("inotify_init1");
  PoolWatch watch(std::filesystem::absolute(pool_path).lexically_normal(), std::move(inotify));
  RETURN_IF_ERROR(watch.WatchNearest());
  watch.seen_ = watch.Look();
  return watch;
}

PoolWatch::PoolWatch(std::string pool_path, UniqueFd inotify)
    : pool_path_(std::move(pool_path)), inotify_(std::move(inotify)) {}

PoolWatch::Sight PoolWatch::Look() const {
  std::error_code ignored;
  Sight sight;
  sight.directory =
      std::filesystem::is_directory(std::filesystem::path(pool_path_).parent_path(), ignored);
  struct stat status {};
  if (::stat(pool_path_.c_str(), &status) == 0) {
    sight.file = true;
    sight.device = status.st_dev;
    sight.inode = status.st_ino;
  }
  return sight;
}

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
      if (nearer == pool_path_ || !std::filesystem::is_directory(nearer, ignored)) break;
      folder = std::filesystem::path(pool_path_).parent_path();
    } else if ((errno == ENOENT || errno == ENOTDIR) && folder.has_relative_path()) {
      folder = folder.parent_path();
    } else {
      return ErrnoStatus(absl::StrCat("watch ", folder.native()));
    }
  }
  watched_ = folder;
  return absl::OkStatus();
}

absl::StatusOr<PoolWatch::Event> PoolWatch::Read() {
  alignas(inotify_event) char events[4096];
  ssize_t n = 0;
  // What the events say is of no interest: the path is looked at anew.
  while ((n = ::read(inotify_.get(), events, sizeof events)) > 0 || (n < 0 && errno == EINTR)) {
  }
  if (n < 0 && errno != EAGAIN) return ErrnoStatus(absl::StrCat("read the watch of ", watched_));
  RETURN_IF_ERROR(WatchNearest());
  const Sight before = std::exchange(seen_, Look());
  if (seen_.file && !before.file) return Event::kAppeared;
  if (!seen_.file && before.file) return Event::kDisappeared;
  if (seen_.file && (seen_.device != before.device || seen_.inode != before.inode)) {
    return Event::kReplaced;
  }
  return seen_.directory && !before.directory ? Event::kAppeared : Event::kNone;
}

}  // namespace sluice::kvp
