#include "agent/sinks/log_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "agent/base/log.h"
#include "agent/base/status_macros.h"

namespace sluice::sinks {
namespace {

constexpr uint64_t kNanosPerSecond = 1'000'000'000;
constexpr mode_t kMode = 0600;
// Files rotated away that stay open until they are synced; beyond it rotation syncs them itself.
constexpr size_t kMaxUnsynced = 8;
constexpr uint64_t kPauseBeforeRotation = 60 * kNanosPerSecond;  // after one that failed
// Read at a time where the end of the file is looked at.
constexpr uint64_t kTailBytes = 64 * 1024;

// When the file came to be; for file systems that do not keep it, its last change.
uint64_t CreatedUnixNano(int fd) {
  struct statx info {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_BTIME | STATX_MTIME, &info) != 0) return 0;
  const auto& time = (info.stx_mask & STATX_BTIME) != 0 ? info.stx_btime : info.stx_mtime;
  return static_cast<uint64_t>(time.tv_sec) * kNanosPerSecond + time.tv_nsec;
}

// Writes until done or failed; returns the bytes written.
size_t WriteAll(int fd, std::string_view bytes, absl::Status* status) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      *status = ErrnoStatus("write");
      break;
    }
    done += static_cast<size_t>(count);
  }
  return done;
}

// How much of the file is left without the NULs at its end: a power cut may keep the length that a
// write gave a file without the bytes. Where the file cannot be read, all of it.
uint64_t SizeWithoutZeros(int fd, uint64_t size) {
  std::string tail;
  for (uint64_t end = size; end > 0;) {
    const uint64_t begin = end - std::min(end, kTailBytes);
    tail.resize(end - begin);
    const ssize_t got = ::pread(fd, tail.data(), tail.size(), static_cast<off_t>(begin));
    if (got != static_cast<ssize_t>(tail.size())) return size;
    const size_t last = tail.find_last_not_of('\0');
    if (last != std::string::npos) return begin + last + 1;
    end = begin;
  }
  return 0;
}

bool EndsInNewline(int fd, uint64_t size) {
  char last = '\n';
  return size == 0 || ::pread(fd, &last, 1, static_cast<off_t>(size - 1)) != 1 || last == '\n';
}

// Two agents would rotate the file under each other. NFS and the like may know no locks.
absl::Status Lock(int fd, const std::string& path) {
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("another agent holds the log file ", path));
}

// Its length with its newline.
size_t FirstLine(std::string_view lines) { return lines.find('\n') + 1; }

size_t CountLines(std::string_view text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

absl::StatusOr<std::unique_ptr<LogFile>> LogFile::Open(LogFileOptions options) {
  auto file = std::unique_ptr<LogFile>(new LogFile(std::move(options)));
  // As the unit's LogsDirectory= does. Where it cannot be made, opening the file says why.
  const std::string folder = file->options_.path.substr(0, file->options_.path.rfind('/'));
  (void)::mkdir(folder.c_str(), 0750);
  RETURN_IF_ERROR(file->Use());
  return file;
}

absl::Status LogFile::Use() {
  const std::string& path = options_.path;
  // O_NONBLOCK: a FIFO in its place must not hang the agent. O_NOFOLLOW: nor a link lead it astray.
  constexpr int kFlags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW;
  UniqueFd fd(::open(path.c_str(), kFlags, kMode));
  if (!fd) return ErrnoStatus(absl::StrCat("open log file ", path));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return ErrnoStatus(absl::StrCat("stat log file ", path));
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat("log file ", path, ": not a regular file"));
  }
  RETURN_IF_ERROR(TightenMode(fd.get()));
  // Still the file in use: a second descriptor could not lock it.
  if (fd_ && info.st_dev == device_ && info.st_ino == inode_) return absl::OkStatus();
  RETURN_IF_ERROR(Lock(fd.get(), path));
  if (fd_) unsynced_.push_back(std::move(fd_));
  fd_ = std::move(fd);
  device_ = info.st_dev;
  inode_ = info.st_ino;
  size_ = static_cast<uint64_t>(info.st_size);
  created_unix_nano_ = size_ == 0 ? options_.clock->UnixNano() : CreatedUnixNano(fd_.get());
  MendTail();
  return absl::OkStatus();
}

// What a power cut, or a killed agent, left within a line.
void LogFile::MendTail() {
  const uint64_t size = SizeWithoutZeros(fd_.get(), size_);
  if (size < size_ && ::ftruncate(fd_.get(), static_cast<off_t>(size)) == 0) size_ = size;
  torn_ = !EndsInNewline(fd_.get(), size_);
}

// The file system may not know modes, and who owns the file may loosen it again.
absl::Status LogFile::TightenMode(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return ErrnoStatus(absl::StrCat("stat log file ", options_.path));
  const bool foreign = info.st_uid != ::geteuid();
  if ((info.st_mode & 0177) != 0 && ::fchmod(fd, kMode) == 0) ::fstat(fd, &info);
  loose_mode_warning_.clear();
  if (!foreign && (info.st_mode & 0177) == 0) return absl::OkStatus();
  char mode[16];
  std::snprintf(mode, sizeof(mode), "%04o", info.st_mode & 07777);
  std::string warning = absl::StrCat("log file ", options_.path, " has mode ", mode, " and owner ",
                                     info.st_uid, " instead of 0600 and ", ::geteuid());
  if (!options_.allow_loose_mode) return absl::PermissionDeniedError(warning);
  loose_mode_warning_ = std::move(warning);
  return absl::OkStatus();
}

bool LogFile::PathIsAnotherFile() const {
  struct stat info {};
  if (::stat(options_.path.c_str(), &info) != 0) return true;
  return info.st_dev != device_ || info.st_ino != inode_;
}

bool LogFile::RotationDue(size_t more_bytes) const {
  if (size_ == 0) return false;
  if (options_.max_size != 0 && size_ + more_bytes > options_.max_size) return true;
  if (options_.max_age.count() == 0) return false;
  const auto max_age = static_cast<uint64_t>(options_.max_age.count()) * kNanosPerSecond;
  return options_.clock->UnixNano() >= created_unix_nano_ + max_age;
}

std::string LogFile::Rotated(uint32_t number) const {
  return absl::StrCat(options_.path, ".", number);
}

absl::Status LogFile::ShiftRotated() const {
  // A number kept that was lowered leaves files behind.
  for (uint32_t i = options_.rotate_keep + 1; ::unlink(Rotated(i).c_str()) == 0;) ++i;
  for (uint32_t i = options_.rotate_keep; i > 1; --i) {
    const int renamed = ::rename(Rotated(i - 1).c_str(), Rotated(i).c_str());
    if (renamed != 0 && errno != ENOENT)
      return ErrnoStatus(absl::StrCat("rename ", Rotated(i - 1)));
  }
  const int moved = options_.rotate_keep == 0 ? ::unlink(options_.path.c_str())
                                              : ::rename(options_.path.c_str(), Rotated(1).c_str());
  if (moved != 0 && errno != ENOENT) return ErrnoStatus(absl::StrCat("rename ", options_.path));
  return absl::OkStatus();
}

absl::Status LogFile::Rotate() {
  if (options_.clock->UnixNano() < rotate_again_unix_nano_) return absl::OkStatus();
  if (unsynced_.size() >= kMaxUnsynced) RETURN_IF_ERROR(Sync());
  if (const absl::Status shifted = ShiftRotated(); !shifted.ok()) {
    // Lines are worth more than the size of the file.
    if (rotate_again_unix_nano_ == 0) {
      LogError(absl::StrCat("log file not rotated: ", shifted.message()));
    }
    rotate_again_unix_nano_ = options_.clock->UnixNano() + kPauseBeforeRotation;
    return absl::OkStatus();
  }
  rotate_again_unix_nano_ = 0;
  ++rotations_;
  return Use();
}

absl::Status LogFile::Prepare(size_t more_bytes) {
  if (PathIsAnotherFile()) RETURN_IF_ERROR(Reopen());
  if (!RotationDue(more_bytes)) return absl::OkStatus();
  return Rotate();
}

LogFile::WriteResult LogFile::Write(std::string_view lines) {
  WriteResult result;
  while (!lines.empty() && result.status.ok()) {
    result.status = Prepare(FirstLine(lines));
    if (!result.status.ok()) break;
    const std::string_view piece = lines.substr(0, Fitting(lines));
    result.status = Append(piece, &result.lines);
    lines.remove_prefix(piece.size());
  }
  return result;
}

size_t LogFile::Fitting(std::string_view lines) const {
  if (options_.max_size == 0 || rotate_again_unix_nano_ != 0) return lines.size();
  const uint64_t room = options_.max_size - std::min(options_.max_size, size_);
  if (lines.size() <= room) return lines.size();
  const size_t whole = lines.substr(0, room).rfind('\n') + 1;  // npos + 1 is 0
  return std::max(whole, FirstLine(lines));
}

absl::Status LogFile::Append(std::string_view lines, size_t* count) {
  absl::Status status;
  if (torn_) {
    size_ += WriteAll(fd_.get(), "\n", &status);
    if (!status.ok()) return status;
    torn_ = false;
  }
  const size_t written = WriteAll(fd_.get(), lines, &status);
  size_ += written;
  *count += CountLines(lines.substr(0, written));
  if (status.ok()) return status;
  const size_t whole = lines.substr(0, written).rfind('\n') + 1;  // npos + 1 is 0
  if (whole < written) DropTornLine(written - whole);
  return Annotate(status, absl::StrCat("log file ", options_.path));
}

void LogFile::DropTornLine(size_t bytes) {
  struct stat info {};
  // Another writer's lines behind ours must not go with it.
  const bool ours = ::fstat(fd_.get(), &info) == 0 && static_cast<uint64_t>(info.st_size) == size_;
  torn_ = !ours || ::ftruncate(fd_.get(), static_cast<off_t>(size_ - bytes)) != 0;
  if (!torn_) size_ -= bytes;
}

absl::Status LogFile::Sync() {
  while (!unsynced_.empty()) {
    if (::fdatasync(unsynced_.back().get()) != 0) {
      return ErrnoStatus(absl::StrCat("sync a log file rotated from ", options_.path));
    }
    unsynced_.pop_back();
  }
  if (::fdatasync(fd_.get()) != 0) {
    return ErrnoStatus(absl::StrCat("sync log file ", options_.path));
  }
  return absl::OkStatus();
}

absl::Status LogFile::Reopen() {
  const uint64_t device = device_;
  const uint64_t inode = inode_;
  RETURN_IF_ERROR(Use());
  ++reopens_;
  // The old one is still open, so its number is not given again.
  if (device != device_ || inode != inode_) ++replacements_;
  return absl::OkStatus();
}

}  // namespace sluice::sinks
