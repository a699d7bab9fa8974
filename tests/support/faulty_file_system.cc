#include "tests/support/faulty_file_system.h"

#include <fcntl.h>

#include <algorithm>

namespace sluice {

bool FaultyFileSystem::IsFailing(bool is_change) {
  if (is_change && refuse_error_ != 0) {
    errno = refuse_error_;
    return true;
  }
  if (calls_left_ < 0 || calls_left_-- != 0) return false;
  errno = error_;
  return true;
}

int FaultyFileSystem::Open(const std::string& path, int flags, mode_t mode) {
  const bool is_change = (flags & (O_CREAT | O_TRUNC)) != 0;
  return IsFailing(is_change) ? -1 : base_.Open(path, flags, mode);
}

ssize_t FaultyFileSystem::Pwrite(int fd, const char* bytes, size_t size, uint64_t offset) {
  if (!IsFailing(true)) return base_.Pwrite(fd, bytes, size, offset);
  if (errno != kShortWrite) return -1;
  return base_.Pwrite(fd, bytes, std::max<size_t>(1, size / 2), offset);
}

// A short write takes half of the bytes, and so may end within a piece.
ssize_t FaultyFileSystem::Pwritev(int fd, const iovec* pieces, int count, uint64_t offset) {
  if (!IsFailing(true)) return base_.Pwritev(fd, pieces, count, offset);
  if (errno != kShortWrite) return -1;
  std::vector<iovec> taken(pieces, pieces + count);
  size_t left = 0;
  for (const iovec& piece : taken) left += piece.iov_len;
  left = std::max<size_t>(1, left / 2);
  for (iovec& piece : taken) {
    piece.iov_len = std::min(piece.iov_len, left);
    left -= piece.iov_len;
  }
  return base_.Pwritev(fd, taken.data(), count, offset);
}

ssize_t FaultyFileSystem::Pread(int fd, char* bytes, size_t size, uint64_t offset) {
  if (!IsFailing(false)) return base_.Pread(fd, bytes, size, offset);
  if (errno != kShortWrite) return -1;
  return base_.Pread(fd, bytes, std::max<size_t>(1, size / 2), offset);
}

int FaultyFileSystem::Fdatasync(int fd) {
  if (sync_error_ != 0) {
    errno = sync_error_;
    return -1;
  }
  return IsFailing(true) ? -1 : base_.Fdatasync(fd);
}

}  // namespace sluice
