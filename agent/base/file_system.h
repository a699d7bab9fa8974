// The one door to disk for what must survive: each call is the system call of its name, so that
// tests can fail, record or tear any one of them.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/base/unique_fd.h"

struct statvfs;

namespace sluice {

// Thread-safe. Results and errno as in the manual pages: -1 on error, short reads and writes and
// EINTR happen. Descriptors are closed by close(2).
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // O_CLOEXEC is added.
  virtual int Open(const std::string& path, int flags, mode_t mode) = 0;
  virtual ssize_t Pwrite(int fd, const char* bytes, size_t size, uint64_t offset) = 0;
  virtual ssize_t Pwritev(int fd, const iovec* pieces, int count, uint64_t offset) = 0;
  virtual ssize_t Pread(int fd, char* bytes, size_t size, uint64_t offset) = 0;
  // Of a directory too: its entries.
  virtual int Fsync(int fd) = 0;
  virtual int Fdatasync(int fd) = 0;
  virtual int Ftruncate(int fd, uint64_t size) = 0;
  virtual int Rename(const std::string& from, const std::string& to) = 0;
  virtual int Unlink(const std::string& path) = 0;
  virtual int Mkdir(const std::string& path, mode_t mode) = 0;
  virtual int Statvfs(const std::string& path, struct statvfs* result) = 0;
  virtual int Flock(int fd, int operation) = 0;
  // Of an open file, in bytes.
  virtual int64_t FileSize(int fd) = 0;
  // Whether `path` still names the open file: somebody may have removed or replaced it, or its
  // directory. True where that cannot be told.
  virtual bool IsNamed(int /*fd*/, const std::string& /*path*/) { return true; }
  // Names in a directory but for `.` and `..`, in no order. Returns 0 or -1.
  virtual int List(const std::string& path, std::vector<std::string>* names) = 0;

  // The machine's.
  static FileSystem& System();
};

absl::StatusOr<UniqueFd> OpenFile(FileSystem& fs, const std::string& path, int flags,
                                  mode_t mode = 0600);

// All of `bytes`, or an error; some of them may be written then.
absl::Status WriteAll(FileSystem& fs, int fd, std::string_view bytes, uint64_t offset);
// The same of pieces, one behind the other.
absl::Status WriteAll(FileSystem& fs, int fd, const std::vector<std::string_view>& pieces,
                      uint64_t offset);

// As many of `size` bytes as there are before the end of the file.
absl::StatusOr<size_t> ReadAt(FileSystem& fs, int fd, char* bytes, size_t size, uint64_t offset);

// Makes the directory's entries durable: what was made in it, renamed and unlinked.
absl::Status SyncDirectory(FileSystem& fs, const std::string& path);

}  // namespace sluice
