#include "agent/base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "agent/base/status_macros.h"

namespace sluice {
namespace {

class SystemFileSystem : public FileSystem {
 public:
  int Open(const std::string& path, int flags, mode_t mode) override {
    return ::open(path.c_str(), flags | O_CLOEXEC, mode);
  }
  ssize_t Pwrite(int fd, const char* bytes, size_t size, uint64_t offset) override {
    return ::pwrite(fd, bytes, size, static_cast<off_t>(offset));
  }
  ssize_t Pwritev(int fd, const iovec* pieces, int count, uint64_t offset) override {
    return ::pwritev(fd, pieces, count, static_cast<off_t>(offset));
  }
  ssize_t Pread(int fd, char* bytes, size_t size, uint64_t offset) override {
    return ::pread(fd, bytes, size, static_cast<off_t>(offset));
  }
  int Fsync(int fd) override { return ::fsync(fd); }
  int Fdatasync(int fd) override { return ::fdatasync(fd); }
  int Ftruncate(int fd, uint64_t size) override {
    return ::ftruncate(fd, static_cast<off_t>(size));
  }
  int Rename(const std::string& from, const std::string& to) override {
    return ::rename(from.c_str(), to.c_str());
  }
  int Unlink(const std::string& path) override { return ::unlink(path.c_str()); }
  int Mkdir(const std::string& path, mode_t mode) override { return ::mkdir(path.c_str(), mode); }
  int Statvfs(const std::string& path, struct statvfs* result) override {
    return ::statvfs(path.c_str(), result);
  }
  int Flock(int fd, int operation) override { return ::flock(fd, operation); }
  int64_t FileSize(int fd) override {
    struct stat found;
    return ::fstat(fd, &found) == 0 ? static_cast<int64_t>(found.st_size) : -1;
  }
  bool IsNamed(int fd, const std::string& path) override {
    struct stat open_file;
    struct stat named;
    if (::fstat(fd, &open_file) != 0) return true;
    if (::stat(path.c_str(), &named) != 0) return errno != ENOENT && errno != ENOTDIR;
    return named.st_dev == open_file.st_dev && named.st_ino == open_file.st_ino;
  }
  int List(const std::string& path, std::vector<std::string>* names) override;
};

int SystemFileSystem::List(const std::string& path, std::vector<std::string>* names) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (directory == nullptr) return -1;
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names->push_back(name);
  }
  return errno == 0 ? 0 : -1;
}

// What a call wrote; 0: nothing, it is to be made again.
absl::StatusOr<size_t> CheckWritten(ssize_t written) {
  if (written < 0 && errno == EINTR) return 0;
  if (written < 0) return ErrnoStatus("write");
  if (written == 0) return absl::DataLossError("write: nothing was taken");
  return static_cast<size_t>(written);
}

// Leaves of the pieces from `first` on what is behind their first `bytes` bytes. Returns the first
// piece of which something is left.
size_t SkipBytes(size_t first, size_t bytes, std::vector<iovec>* pieces) {
  for (; first < pieces->size() && bytes >= (*pieces)[first].iov_len; ++first) {
    bytes -= (*pieces)[first].iov_len;
  }
  if (bytes > 0) {
    iovec& torn = (*pieces)[first];
    torn.iov_base = static_cast<char*>(torn.iov_base) + bytes;
    torn.iov_len -= bytes;
  }
  return first;
}

}  // namespace

FileSystem& FileSystem::System() {
  static SystemFileSystem system;
  return system;
}

absl::StatusOr<UniqueFd> OpenFile(FileSystem& fs, const std::string& path, int flags, mode_t mode) {
  int fd;
  do {
    fd = fs.Open(path, flags, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return ErrnoStatus(absl::StrCat("open ", path));
  return UniqueFd(fd);
}

absl::Status WriteAll(FileSystem& fs, int fd, std::string_view bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const absl::StatusOr<size_t> written =
        CheckWritten(fs.Pwrite(fd, bytes.data(), bytes.size(), offset));
    if (!written.ok()) return written.status();
    bytes.remove_prefix(*written);
    offset += *written;
  }
  return absl::OkStatus();
}

absl::Status WriteAll(FileSystem& fs, int fd, const std::vector<std::string_view>& pieces,
                      uint64_t offset) {
  std::vector<iovec> left;
  left.reserve(pieces.size());
  for (const std::string_view piece : pieces) {
    // Only read from, though the type is that of reading as well.
    if (!piece.empty()) left.push_back({const_cast<char*>(piece.data()), piece.size()});
  }
  for (size_t first = 0; first < left.size();) {
    const int count = static_cast<int>(std::min<size_t>(left.size() - first, IOV_MAX));
    const absl::StatusOr<size_t> written =
        CheckWritten(fs.Pwritev(fd, &left[first], count, offset));
    if (!written.ok()) return written.status();
    first = SkipBytes(first, *written, &left);
    offset += *written;
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> ReadAt(FileSystem& fs, int fd, char* bytes, size_t size, uint64_t offset) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = fs.Pread(fd, bytes + done, size - done, offset + done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus("read");
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

absl::Status SyncDirectory(FileSystem& fs, const std::string& path) {
  absl::StatusOr<UniqueFd> directory = OpenFile(fs, path, O_RDONLY | O_DIRECTORY);
  if (!directory.ok()) return directory.status();
  if (fs.Fsync(directory->get()) != 0) return ErrnoStatus(absl::StrCat("fsync ", path));
  return absl::OkStatus();
}

}  // namespace sluice
