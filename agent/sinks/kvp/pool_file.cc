#include "agent/sinks/kvp/pool_file.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"
#include "proto/contract/kvp_record.h"

namespace sluice::kvp {
namespace {

// Read at a time where the last records are looked at.
constexpr uint64_t kLastBytes = 16 * kRecordBytes;

int64_t Nano(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + int64_t{time.tv_nsec};
}

FileVersion VersionOf(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = static_cast<uint64_t>(status.st_size),
          .modified_nano = Nano(status.st_mtim),
          .changed_nano = Nano(status.st_ctim)};
}

template <typename Call>
auto RetryOnEintr(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// A whole record of nothing else.
bool EndsInZeros(std::string_view records) {
  static const std::string kZeros(kRecordBytes, '\0');
  return records.ends_with(kZeros);
}

absl::StatusOr<std::string> ReadRecords(PoolSyscalls* syscalls, int fd, const std::string& path,
                                        uint64_t offset, uint64_t count) {
  std::string bytes(count, '\0');
  uint64_t filled = 0;
  while (filled < count) {
    const ssize_t n = RetryOnEintr([&] {
      return syscalls->Pread(fd, bytes.data() + filled, count - filled,
                             static_cast<off_t>(offset + filled));
    });
    if (n < 0) return ErrnoStatus(absl::StrCat("read ", path));
    if (n == 0) break;
    filled += static_cast<uint64_t>(n);
  }
  bytes.resize(filled - filled % kRecordBytes);
  return bytes;
}

}  // namespace

PoolFile::PoolFile(Options options) : options_(std::move(options)) {}

absl::Status PoolFile::ErrnoError(absl::string_view doing) const {
  return ErrnoStatus(absl::StrCat(doing, " ", options_.path));
}

absl::StatusOr<struct stat> PoolFile::Fstat(int fd) const {
  struct stat status {};
  if (options_.syscalls->Fstat(fd, &status) < 0) return ErrnoError("fstat");
  return status;
}

absl::Status PoolFile::Open() {
  const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (options_.create ? O_CREAT : 0);
  UniqueFd fd(RetryOnEintr(
      [&] { return options_.syscalls->Open(options_.path.c_str(), flags, options_.create_mode); }));
  if (!fd) return ErrnoError("open");
  ASSIGN_OR_RETURN(const struct stat status, Fstat(fd.get()));
  if (!S_ISREG(status.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(options_.path, " is not a regular file"));
  }
  fd_ = std::move(fd);
  return absl::OkStatus();
}

absl::StatusOr<bool> PoolFile::IsCurrent() const {
  ASSIGN_OR_RETURN(const struct stat opened, Fstat(fd_.get()));
  struct stat named {};
  if (options_.syscalls->Stat(options_.path.c_str(), &named) < 0) {
    if (errno == ENOENT) return false;
    return ErrnoError("stat");
  }
  return opened.st_nlink > 0 && opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

absl::StatusOr<PoolFile::Session> PoolFile::Lock() {
  PoolSyscalls* const syscalls = options_.syscalls;
  const uint64_t deadline =
      syscalls->NowNano() + static_cast<uint64_t>(absl::ToInt64Nanoseconds(options_.lock_timeout));
  do {
    if (!fd_) RETURN_IF_ERROR(Open());
    ASSIGN_OR_RETURN(PoolLock lock, PoolLock::Acquire(syscalls, fd_.get(), LockMode::kExclusive,
                                                      deadline, options_.path));
    Session session(this, std::move(lock));
    ASSIGN_OR_RETURN(const bool current, IsCurrent());
    if (current) {
      RETURN_IF_ERROR(session.Begin());
      return session;
    }
    session.Abandon();
    fd_.reset();
  } while (syscalls->NowNano() < deadline);
  return absl::DeadlineExceededError(
      absl::StrCat("lock ", options_.path, ": other programs keep replacing the file"));
}

absl::Status PoolFile::Sync() {
  if (!unsynced_) return absl::OkStatus();
  if (RetryOnEintr([this] { return options_.syscalls->Fdatasync(fd_.get()); }) < 0) {
    return ErrnoError("fdatasync");
  }
  unsynced_ = false;
  return absl::OkStatus();
}

absl::StatusOr<std::string> PoolFile::ReadAll() const {
  PoolSyscalls* const syscalls = options_.syscalls;
  const UniqueFd fd(RetryOnEintr(
      [&] { return syscalls->Open(options_.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0); }));
  if (!fd) {
    if (errno == ENOENT) return std::string();
    return ErrnoError("open");
  }
  const uint64_t deadline =
      syscalls->NowNano() + static_cast<uint64_t>(absl::ToInt64Nanoseconds(options_.lock_timeout));
  ASSIGN_OR_RETURN(const PoolLock lock, PoolLock::Acquire(syscalls, fd.get(), LockMode::kShared,
                                                          deadline, options_.path));
  ASSIGN_OR_RETURN(const struct stat status, Fstat(fd.get()));
  return ReadRecords(syscalls, fd.get(), options_.path, 0, static_cast<uint64_t>(status.st_size));
}

PoolFile::Session::Session(PoolFile* file, PoolLock lock)
    : file_(file), lock_(std::move(lock)), locked_nano_(syscalls()->NowNano()) {}

PoolFile::Session::Session(Session&& other) noexcept
    : file_(std::exchange(other.file_, nullptr)),
      lock_(std::move(other.lock_)),
      locked_nano_(other.locked_nano_),
      size_(other.size_),
      whole_(other.whole_),
      untouched_(other.untouched_),
      modified_(other.modified_) {}

PoolFile::Session::~Session() {
  if (file_ == nullptr) return;
  const absl::StatusOr<struct stat> status = file_->Fstat(file_->fd_.get());
  file_->left_.reset();
  if (status.ok() && whole_ && static_cast<uint64_t>(status->st_size) == size_) {
    file_->left_ = VersionOf(*status);
  }
  PoolSyscalls* const clock = syscalls();
  lock_.reset();
  file_->hold_times_.Add(clock->NowNano() - locked_nano_);
}

void PoolFile::Session::Abandon() {
  lock_.reset();
  file_ = nullptr;
}

absl::Status PoolFile::Session::Begin() {
  ASSIGN_OR_RETURN(const struct stat status, file_->Fstat(file_->fd_.get()));
  const uint64_t size = static_cast<uint64_t>(status.st_size);
  modified_ = absl::TimeFromTimespec(status.st_mtim);
  untouched_ = file_->left_ == VersionOf(status);
  size_ = size;
  whole_ = untouched_;
  if (whole_) return absl::OkStatus();
  ASSIGN_OR_RETURN(const uint64_t end, EndOfRecords(size - size % kRecordBytes));
  whole_ = end == size;
  if (whole_) return absl::OkStatus();
  RETURN_IF_ERROR(Annotate(Truncate(end), "torn tail"));
  ++file_->torn_tails_repaired_;
  return absl::OkStatus();
}

absl::StatusOr<std::string> PoolFile::Session::Read(uint64_t offset, uint64_t count) const {
  return ReadRecords(syscalls(), file_->fd_.get(), file_->path(), offset,
                     std::min(count, size_ - std::min(offset, size_)));
}

absl::Status PoolFile::Session::Append(std::string_view records) {
  if (records.empty()) return absl::OkStatus();
  const uint64_t begin = size_;
  RETURN_IF_ERROR(Extend(records.size()));
  const absl::Status status = Overwrite(begin, records);
  if (status.ok()) return status;
  size_ = std::min(begin, size_);
  return TakeBack(status);
}

absl::Status PoolFile::Session::Extend(uint64_t count) {
  file_->unsynced_ = true;
  whole_ = false;
  const uint64_t begin = size_;
  if (RetryOnEintr([&] {
        return syscalls()->Fallocate(file_->fd_.get(), static_cast<off_t>(begin),
                                     static_cast<off_t>(count));
      }) < 0) {
    return TakeBack(file_->ErrnoError("append to"));
  }
  size_ += count;
  // Without a lock another program may have truncated the file, so that the zeros begin earlier, or
  // have appended to it, so that they begin later. What it does from here on harms no record.
  ASSIGN_OR_RETURN(const uint64_t end, EndOfRecords(size_));
  whole_ = end == begin;
  if (whole_) return absl::OkStatus();
  RETURN_IF_ERROR(Truncate(end));
  return absl::AbortedError(
      absl::StrCat("append to ", file_->path(), ": changed by another program meanwhile"));
}

absl::Status PoolFile::Session::TakeBack(const absl::Status& cause) {
  const absl::StatusOr<struct stat> status = file_->Fstat(file_->fd_.get());
  // A file that somebody truncated without a lock meanwhile must not be extended.
  if (status.ok() && static_cast<uint64_t>(status->st_size) <= size_) return cause;
  const absl::Status cut = Truncate(size_);
  if (cut.ok()) return cause;
  return absl::Status(cause.code(),
                      absl::StrCat(cause.message(), "; taking it back failed: ", cut.message()));
}

absl::Status PoolFile::Session::Overwrite(uint64_t offset, std::string_view records) {
  file_->unsynced_ = true;
  absl::Status status;
  for (size_t done = 0; status.ok() && done < records.size();) {
    const ssize_t written = RetryOnEintr([&] {
      return syscalls()->PwriteWithin(file_->fd_.get(), records.data() + done,
                                      records.size() - done, static_cast<off_t>(offset + done));
    });
    if (written <= 0) {
      status = errno == EFAULT
                   ? absl::UnavailableError(absl::StrCat("overwrite in ", file_->path(),
                                                         ": the disk is full or failing"))
                   : file_->ErrnoError("overwrite in");
    }
    if (written > 0) done += static_cast<size_t>(written);
  }
  ASSIGN_OR_RETURN(const struct stat now, file_->Fstat(file_->fd_.get()));
  if (static_cast<uint64_t>(now.st_size) >= size_) return status;
  size_ = static_cast<uint64_t>(now.st_size) / kRecordBytes * kRecordBytes;
  return absl::AbortedError(
      absl::StrCat("overwrite in ", file_->path(), ": truncated by another program meanwhile"));
}

absl::StatusOr<uint64_t> PoolFile::Session::EndOfRecords(uint64_t offset) const {
  std::string last;
  while (offset > 0 && last.empty()) {
    const uint64_t begin = offset - std::min(offset, kLastBytes);
    ASSIGN_OR_RETURN(
        last, ReadRecords(syscalls(), file_->fd_.get(), file_->path(), begin, offset - begin));
    while (EndsInZeros(last)) last.resize(last.size() - kRecordBytes);
    offset = begin + last.size();
  }
  return offset;
}

absl::Status PoolFile::Session::Truncate(uint64_t size) {
  file_->unsynced_ = true;
  whole_ = false;
  while (true) {
    if (RetryOnEintr([&] {
          return syscalls()->Ftruncate(file_->fd_.get(), static_cast<off_t>(size));
        }) < 0) {
      return file_->ErrnoError("truncate");
    }
    size_ = size;
    // Of a file that was truncated in the same moment the call made a longer one, of zeros. Killed
    // here, the next session goes on with it.
    ASSIGN_OR_RETURN(size, EndOfRecords(size));
    whole_ = size == size_;
    if (whole_) return absl::OkStatus();
  }
}

}  // namespace sluice::kvp
