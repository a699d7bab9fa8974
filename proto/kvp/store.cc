// Problem: Some programs truncate or extend the pool without a lock while we hold ours, and a kill
// may end any write halfway. What others wrote must survive that, and no record of theirs may end
// up at an offset that is no multiple of the record size.
//
// States: There is no descriptor; then the file is open; then a Session holds the locks. When
// another file has the name by then, Lock lets go and opens that one. Begin compares the file with
// left_, its version at the end of the last session: equal, it is untouched; otherwise its end is
// looked at and cut until it is whole (or refused, as the options say).
//
// Invariants:
// * Records are written only within the file's size (PwriteWithin), and only Extend means to make
//   it longer. A plain write behind the end of a truncated file would leave a hole that counts as
//   records.
// * After each overwrite the size is read again. A file that shrank meanwhile ends the call with
//   ESTALE, since the records may not be in it.
// * left_ is kept only where the file is known to be whole. So Begin need not look at an untouched
//   file.
// * unsynced_ is set before the first write and cleared by a sync that succeeded, or with the file
//   that was replaced. An error of fdatasync leaves it set.

#include "proto/kvp/store.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "proto/kvp/slot.h"

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

bool EndsInHole(std::string_view records) {
  return records.size() >= kRecordBytes && IsHole(records.substr(records.size() - kRecordBytes));
}

// Fewer than `count` bytes where the file ends before.
PoolResult<std::string> ReadBytes(PoolSyscalls* syscalls, int fd, const std::string& path,
                                  uint64_t offset, uint64_t count) {
  std::string bytes(count, '\0');
  uint64_t filled = 0;
  while (filled < count) {
    const ssize_t n = RetryOnEintr([&] {
      return syscalls->Pread(fd, bytes.data() + filled, count - filled,
                             static_cast<off_t>(offset + filled));
    });
    if (n < 0) return PoolErrno("read " + path);
    if (n == 0) break;
    filled += static_cast<uint64_t>(n);
  }
  bytes.resize(filled);
  return bytes;
}

PoolResult<std::string> ReadRecords(PoolSyscalls* syscalls, int fd, const std::string& path,
                                    uint64_t offset, uint64_t count) {
  PoolResult<std::string> bytes = ReadBytes(syscalls, fd, path, offset, count);
  if (bytes.ok()) bytes->resize(bytes->size() - bytes->size() % kRecordBytes);
  return bytes;
}

}  // namespace

std::string TornSizeText(uint64_t size) {
  return "file size (" + std::to_string(size) + ") is not a multiple of record size (" +
         std::to_string(kRecordBytes) + ")";
}

bool IsHole(std::string_view record) { return DecodeRecord(record) == Pair{}; }

PoolStore::PoolStore(Options options) : options_(std::move(options)) {}

PoolError PoolStore::ErrnoError(const char* doing) const {
  return PoolErrno(std::string(doing) + " " + options_.path);
}

PoolResult<struct stat> PoolStore::Fstat(int fd) const {
  struct stat status {};
  if (options_.syscalls->Fstat(fd, &status) < 0) return ErrnoError("fstat");
  return status;
}

uint64_t PoolStore::Deadline() const {
  return options_.syscalls->NowNano() + static_cast<uint64_t>(options_.lock_timeout.count());
}

PoolError PoolStore::Open() {
  const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (options_.create ? O_CREAT : 0);
  UniqueFd fd(RetryOnEintr(
      [&] { return options_.syscalls->Open(options_.path.c_str(), flags, options_.create_mode); }));
  if (!fd) return ErrnoError("open");
  const PoolResult<struct stat> status = Fstat(fd.get());
  if (!status.ok()) return status.error();
  if (!S_ISREG(status->st_mode)) return {EISDIR, options_.path + " is not a regular file"};
  fd_ = std::move(fd);
  unsynced_ = true;  // a predecessor that was killed may have written
  return {};
}

PoolResult<bool> PoolStore::IsCurrent() const {
  const PoolResult<struct stat> opened = Fstat(fd_.get());
  if (!opened.ok()) return opened.error();
  struct stat named {};
  if (options_.syscalls->Stat(options_.path.c_str(), &named) < 0) {
    if (errno == ENOENT) return false;
    return ErrnoError("stat");
  }
  return opened->st_nlink > 0 && opened->st_dev == named.st_dev && opened->st_ino == named.st_ino;
}

PoolResult<PoolStore::Session> PoolStore::Lock() {
  const uint64_t deadline = Deadline();
  do {
    if (!fd_) {
      if (PoolError error = Open(); !error.ok()) return error;
    }
    PoolResult<PoolLock> lock = PoolLock::Acquire(options_.syscalls, fd_.get(),
                                                  LockMode::kExclusive, deadline, options_.path);
    if (!lock.ok()) return lock.error();
    Session session(this, std::move(*lock));
    const PoolResult<bool> current = IsCurrent();
    if (!current.ok()) return current.error();
    if (*current) {
      if (PoolError error = session.Begin(); !error.ok()) return error;
      return session;
    }
    session.Abandon();
    fd_.reset();
    unsynced_ = false;  // what became of that file is nobody's concern
  } while (options_.syscalls->NowNano() < deadline);
  return PoolError{ETIMEDOUT, "lock " + options_.path + ": other programs keep replacing the file"};
}

PoolError PoolStore::Sync() {
  if (!unsynced_) return {};
  if (RetryOnEintr([this] { return options_.syscalls->Fdatasync(fd_.get()); }) < 0) {
    return ErrnoError("fdatasync");
  }
  unsynced_ = false;
  return {};
}

PoolResult<std::string> PoolStore::ReadAll() const {
  PoolSyscalls* const syscalls = options_.syscalls;
  const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;  // a FIFO does not hold it up
  const UniqueFd fd(RetryOnEintr([&] { return syscalls->Open(options_.path.c_str(), flags, 0); }));
  if (!fd) {
    if (errno == ENOENT) return std::string();
    return ErrnoError("open");
  }
  const PoolResult<PoolLock> lock =
      PoolLock::Acquire(syscalls, fd.get(), LockMode::kShared, Deadline(), options_.path);
  if (!lock.ok()) return lock.error();
  const PoolResult<struct stat> status = Fstat(fd.get());
  if (!status.ok()) return status.error();
  if (!S_ISREG(status->st_mode)) return PoolError{EINVAL, options_.path + " is no file"};
  return ReadBytes(syscalls, fd.get(), options_.path, 0, static_cast<uint64_t>(status->st_size));
}

PoolStore::Session::Session(PoolStore* store, PoolLock lock)
    : store_(store), lock_(std::move(lock)), locked_nano_(syscalls()->NowNano()) {}

PoolStore::Session::Session(Session&& other) noexcept
    : store_(std::exchange(other.store_, nullptr)),
      lock_(std::move(other.lock_)),
      locked_nano_(other.locked_nano_),
      size_(other.size_),
      whole_(other.whole_),
      untouched_(other.untouched_),
      modified_(other.modified_) {}

PoolStore::Session::~Session() {
  if (store_ == nullptr) return;
  const PoolResult<struct stat> status = store_->Fstat(store_->fd_.get());
  store_->left_.reset();
  if (status.ok() && whole_ && static_cast<uint64_t>(status->st_size) == size_) {
    store_->left_ = VersionOf(*status);
  }
}

void PoolStore::Session::Abandon() {
  lock_.reset();
  store_ = nullptr;
}

PoolError PoolStore::Session::Begin() {
  const PoolResult<struct stat> status = store_->Fstat(store_->fd_.get());
  if (!status.ok()) return status.error();
  const uint64_t size = static_cast<uint64_t>(status->st_size);
  modified_ = status->st_mtim;
  untouched_ = store_->left_ == VersionOf(*status);
  size_ = size;
  whole_ = untouched_;
  if (whole_) return {};
  if (size % kRecordBytes != 0 && store_->options_.torn == Options::Torn::kRefuse) {
    return {EILSEQ, TornSizeText(size)};
  }
  const PoolResult<uint64_t> end = EndOfRecords(size - size % kRecordBytes);
  if (!end.ok()) return end.error();
  whole_ = *end == size;
  if (whole_) return {};
  PoolError error = Truncate(*end);
  if (!error.ok()) return {error.code, "torn tail: " + error.message};
  ++store_->torn_tails_repaired_;
  return {};
}

PoolResult<std::string> PoolStore::Session::Read(uint64_t offset, uint64_t count) const {
  return ReadRecords(syscalls(), store_->fd_.get(), store_->path(), offset,
                     std::min(count, size_ - std::min(offset, size_)));
}

PoolError PoolStore::Session::Append(std::string_view records) {
  if (records.empty()) return {};
  const uint64_t begin = size_;
  if (PoolError error = Extend(records.size()); !error.ok()) return error;
  const PoolError error = Overwrite(begin, records);
  if (error.ok()) return error;
  size_ = std::min(begin, size_);
  return TakeBack(error);
}

PoolError PoolStore::Session::Extend(uint64_t count) {
  const PoolError changed{ESTALE,
                          "append to " + store_->path() + ": changed by another program meanwhile"};
  whole_ = false;
  const uint64_t begin = size_;
  // Looked at once more, since making a truncated file longer leaves a hole. Killed before that is
  // cut, what others append stands behind it: zeros, which the next records fill.
  const PoolResult<struct stat> now = store_->Fstat(store_->fd_.get());
  if (!now.ok()) return now.error();
  if (const auto size = static_cast<uint64_t>(now->st_size); size != begin) {
    size_ = std::min(begin, size / kRecordBytes * kRecordBytes);
    return changed;
  }
  store_->unsynced_ = true;
  if (RetryOnEintr([&] {
        return syscalls()->Fallocate(store_->fd_.get(), static_cast<off_t>(begin),
                                     static_cast<off_t>(count));
      }) < 0) {
    return TakeBack(store_->ErrnoError("append to"));
  }
  size_ += count;
  // Without a lock another program may have truncated the file, so that the zeros begin earlier, or
  // have appended to it, so that they begin later. What it does from here on harms no record.
  const PoolResult<uint64_t> end = EndOfRecords(size_);
  if (!end.ok()) return end.error();
  whole_ = *end == begin;
  if (whole_) return {};
  if (PoolError error = Truncate(*end); !error.ok()) return error;
  return changed;
}

PoolError PoolStore::Session::TakeBack(const PoolError& cause) {
  const PoolResult<struct stat> status = store_->Fstat(store_->fd_.get());
  // A file that somebody truncated without a lock meanwhile must not be extended.
  if (status.ok() && static_cast<uint64_t>(status->st_size) <= size_) return cause;
  const PoolError cut = Truncate(size_);
  if (cut.ok()) return cause;
  return {cause.code, cause.message + "; taking it back failed: " + cut.message};
}

PoolError PoolStore::Session::TryOverwrite(uint64_t offset, std::string_view records) {
  for (size_t done = 0; done < records.size();) {
    const ssize_t written = RetryOnEintr([&] {
      return syscalls()->PwriteWithin(store_->fd_.get(), records.data() + done,
                                      records.size() - done, static_cast<off_t>(offset + done));
    });
    if (written <= 0) {
      if (errno != EFAULT) return store_->ErrnoError("overwrite in");
      return {EAGAIN, "overwrite in " + store_->path() + ": the disk is full or failing"};
    }
    done += static_cast<size_t>(written);
  }
  return {};
}

PoolError PoolStore::Session::Overwrite(uint64_t offset, std::string_view records) {
  store_->unsynced_ = true;
  const PoolError error = TryOverwrite(offset, records);
  const PoolResult<struct stat> now = store_->Fstat(store_->fd_.get());
  if (!now.ok()) return now.error();
  if (static_cast<uint64_t>(now->st_size) >= size_) return error;
  size_ = static_cast<uint64_t>(now->st_size) / kRecordBytes * kRecordBytes;
  return {ESTALE, "overwrite in " + store_->path() + ": truncated by another program meanwhile"};
}

PoolResult<uint64_t> PoolStore::Session::EndOfRecords(uint64_t offset) const {
  std::string last;
  while (offset > 0 && last.empty()) {
    const uint64_t begin = offset - std::min(offset, kLastBytes);
    PoolResult<std::string> read =
        ReadRecords(syscalls(), store_->fd_.get(), store_->path(), begin, offset - begin);
    if (!read.ok()) return read.error();
    last = std::move(*read);
    while (EndsInHole(last)) last.resize(last.size() - kRecordBytes);
    offset = begin + last.size();
  }
  return offset;
}

PoolError PoolStore::Session::Truncate(uint64_t size) {
  store_->unsynced_ = true;
  whole_ = false;
  while (true) {
    if (RetryOnEintr([&] {
          return syscalls()->Ftruncate(store_->fd_.get(), static_cast<off_t>(size));
        }) < 0) {
      return store_->ErrnoError("truncate");
    }
    size_ = size;
    // Of a file that was truncated in the same moment the call made a longer one, of zeros. Killed
    // here, the next session goes on with it.
    const PoolResult<uint64_t> end = EndOfRecords(size);
    if (!end.ok()) return end.error();
    size = *end;
    whole_ = size == size_;
    if (whole_) return {};
  }
}

PoolError PoolStore::Session::Replace(std::string_view before, std::string_view after) {
  const PoolError error = TryReplace(before, after);
  // Of a file that has become shorter, what moved up stands nowhere else.
  if (error.ok() || size_ < before.size()) return error;
  const PoolError undone = OverwriteWhatDiffers(after, before);
  if (undone.ok()) return error;
  return {error.code, error.message + "; taking it back failed: " + undone.message};
}

PoolError PoolStore::Session::TryReplace(std::string_view before, std::string_view after) {
  if (PoolError error = OverwriteWhatDiffers(before, after); !error.ok()) return error;
  if (after.size() < before.size()) return Truncate(after.size());
  return Append(after.substr(before.size()));
}

PoolError PoolStore::Session::OverwriteWhatDiffers(std::string_view before,
                                                   std::string_view after) {
  const size_t common = std::min(before.size(), after.size());
  for (size_t at = 0; at < common; at += kRecordBytes) {
    const std::string_view record = after.substr(at, kRecordBytes);
    if (record == before.substr(at, kRecordBytes)) continue;
    if (PoolError error = Overwrite(at, record); !error.ok()) return error;
  }
  return {};
}

}  // namespace sluice::kvp
