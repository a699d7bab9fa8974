// Preloaded into a program, makes a folder behave like a disk that fails:
//
//   FAILING_DISK_FOLDER   the folder
//   FAILING_DISK_CONTROL  a file whose word says how it fails now; no such file: it works
//     write       writes fail with EIO
//     sync        fsync and fdatasync fail with EIO
//     hang        fsync and fdatasync do not return
//     behind      fsync and fdatasync return once the word is gone
//     read_only   what changes a file or name fails with EROFS, as after a remount
//   FAILING_DISK_LOST     gets a line "INODE SIZE PATH" for each sync that failed: only so much of
//                         the file is known to have reached the disk
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

namespace {

template <typename Function>
Function Next(const char* name, Function) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

std::string Environment(const char* name) {
  const char* const value = ::getenv(name);
  return value == nullptr ? "" : value;
}

// The word in the control file.
std::string Fault() {
  static const std::string control = Environment("FAILING_DISK_CONTROL");
  const int fd = Next("open", ::open)(control.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  char word[32];
  const ssize_t size = ::read(fd, word, sizeof(word));
  ::close(fd);
  return std::string(word, size > 0 ? static_cast<size_t>(size) : 0);
}

bool IsBelow(const std::string& path) {
  static const std::string folder = Environment("FAILING_DISK_FOLDER");
  return !folder.empty() && path.compare(0, folder.size(), folder) == 0 &&
         (path.size() == folder.size() || path[folder.size()] == '/');
}

std::string PathOf(int fd) {
  char path[PATH_MAX];
  const ssize_t size =
      ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof(path));
  return std::string(path, size > 0 ? static_cast<size_t>(size) : 0);
}

// The error of changing what is at `path`, or 0.
int ChangeError(const std::string& path, bool is_write) {
  const int kept = errno;
  const std::string fault = IsBelow(path) ? Fault() : "";
  errno = kept;
  if (fault == "read_only") return EROFS;
  return fault == "write" && is_write ? EIO : 0;
}

template <typename Change>
auto Attempt(const std::string& path, bool is_write, Change change) -> decltype(change()) {
  const int error = ChangeError(path, is_write);
  if (error == 0) return change();
  errno = error;
  return -1;
}

// How much of each file is on the disk.
class Synced {
 public:
  void Note(int fd) {
    struct stat found;
    if (::fstat(fd, &found) != 0) return;
    const std::lock_guard lock(mutex_);
    sizes_[found.st_ino] = found.st_size;
  }

  void TellLost(int fd) {
    struct stat found;
    if (::fstat(fd, &found) != 0) return;
    const std::lock_guard lock(mutex_);
    FILE* const lost = ::fopen(Environment("FAILING_DISK_LOST").c_str(), "ae");
    if (lost == nullptr) return;
    ::fprintf(lost, "%lu %ld %s\n", static_cast<unsigned long>(found.st_ino),
              static_cast<long>(sizes_[found.st_ino]), PathOf(fd).c_str());
    ::fclose(lost);
  }

 private:
  std::mutex mutex_;
  std::map<ino_t, off_t> sizes_;
};

template <typename Sync>
int AttemptSync(int fd, Sync sync) {
  static Synced* const synced = new Synced;
  const bool concerned = IsBelow(PathOf(fd));
  const std::string fault = concerned ? Fault() : "";
  while (fault == "hang") ::pause();
  for (std::string word = fault; word == "behind"; word = Fault()) ::usleep(5'000);
  if (fault == "sync") {
    synced->TellLost(fd);
    errno = EIO;
    return -1;
  }
  const int result = sync();
  if (concerned && result == 0) synced->Note(fd);
  return result;
}

bool OpensForChange(int flags) {
  return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0;
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t size) {
  return Attempt(PathOf(fd), true, [&] { return Next("write", ::write)(fd, bytes, size); });
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  return Attempt(PathOf(fd), true,
                 [&] { return Next("pwrite", ::pwrite)(fd, bytes, size, offset); });
}

ssize_t pwritev(int fd, const iovec* pieces, int count, off_t offset) {
  return Attempt(PathOf(fd), true,
                 [&] { return Next("pwritev", ::pwritev)(fd, pieces, count, offset); });
}

int ftruncate(int fd, off_t size) noexcept {
  return Attempt(PathOf(fd), false, [&] { return Next("ftruncate", ::ftruncate)(fd, size); });
}

int rename(const char* from, const char* to) noexcept {
  return Attempt(to, false, [&] { return Next("rename", ::rename)(from, to); });
}

int unlink(const char* path) noexcept {
  return Attempt(path, false, [&] { return Next("unlink", ::unlink)(path); });
}

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  const auto next = Next("open", ::open);
  if (!OpensForChange(flags)) return next(path, flags, mode);
  return Attempt(path, false, [&] { return next(path, flags, mode); });
}

int fsync(int fd) {
  return AttemptSync(fd, [&] { return Next("fsync", ::fsync)(fd); });
}

int fdatasync(int fd) {
  return AttemptSync(fd, [&] { return Next("fdatasync", ::fdatasync)(fd); });
}

}  // extern "C"
