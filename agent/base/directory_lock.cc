#include "agent/base/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "agent/base/status_macros.h"

namespace sluice {

absl::StatusOr<UniqueFd> HoldDirectory(FileSystem& fs, const std::string& path,
                                       std::string_view what) {
  absl::StatusOr<UniqueFd> directory = OpenFile(fs, path, O_RDONLY | O_DIRECTORY);
  if (!directory.ok()) return directory;
  if (fs.Flock(directory->get(), LOCK_EX | LOCK_NB) == 0) return directory;
  if (errno == EWOULDBLOCK) {
    return absl::AlreadyExistsError(
        absl::StrCat("another agent holds ", std::string(what), " ", path));
  }
  return ErrnoStatus(absl::StrCat("flock ", path));
}

}  // namespace sluice
