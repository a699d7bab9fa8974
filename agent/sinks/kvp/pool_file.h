// The one writer of a KVP pool file: an array of 2560-byte records that other programs write too.
//
// A Session is a stretch under both locks. Within it records are appended or overwritten in place;
// nothing is ever renamed, unlinked or moved, because the daemon enumerates by index over separate
// requests and azure-init keeps its descriptor. When the locks are taken the file is first made
// whole: a torn record and records of zeros at its end, which only a writer that died can leave,
// are cut off. Syncing to disk happens outside the locks.
//
// write(2) stops halfway through a record when we are killed, and what others append then is
// shifted. So an append first makes the file longer by records of zeros, and then fills them.
//
// Errors carry the path. One thread owns the object; only lock_hold_times() may be read from
// others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/base/unique_fd.h"
#include "agent/sinks/kvp/hold_times.h"
#include "agent/sinks/kvp/pool_lock.h"
#include "agent/sinks/kvp/pool_syscalls.h"

namespace sluice::kvp {

// What fstat(2) says of a file; equal means that nobody wrote in between.
struct FileVersion {
  dev_t device = 0;
  ino_t inode = 0;
  uint64_t size = 0;
  int64_t modified_nano = 0;
  int64_t changed_nano = 0;

  bool operator==(const FileVersion&) const = default;
};

class PoolFile {
 public:
  struct Options {
    std::string path;
    // A missing file is created with `create_mode` less the umask; a missing directory never is.
    bool create = true;
    mode_t create_mode = 0644;
    // How long Lock() and ReadAll() wait for other writers, in all.
    absl::Duration lock_timeout = absl::Seconds(2);
    PoolSyscalls* syscalls = PoolSyscalls::System();
  };

  class Session;

  explicit PoolFile(Options options);

  // Opens the file if it is not open or was replaced, takes both locks, and makes the file whole.
  // NotFound: no file and not to be created, or no directory. DeadlineExceeded: others hold a lock.
  // At most one session at a time.
  absl::StatusOr<Session> Lock();

  // Makes what was written survive a crash of the machine. OK when nothing was written since.
  absl::Status Sync();

  // All whole records under shared locks; empty when there is no file.
  absl::StatusOr<std::string> ReadAll() const;

  const std::string& path() const { return options_.path; }
  uint64_t torn_tails_repaired() const { return torn_tails_repaired_; }
  const HoldTimes& lock_hold_times() const { return hold_times_; }

 private:
  absl::Status Open();
  // The descriptor is of the file that has the name now.
  absl::StatusOr<bool> IsCurrent() const;
  absl::StatusOr<struct stat> Fstat(int fd) const;
  absl::Status ErrnoError(absl::string_view doing) const;

  const Options options_;
  UniqueFd fd_;  // holds the locks
  // The file as the last session left it; absent when it could not tell.
  std::optional<FileVersion> left_;
  bool unsynced_ = false;
  uint64_t torn_tails_repaired_ = 0;
  HoldTimes hold_times_;
};

// Unlocks when destroyed. Must not outlive its PoolFile.
class PoolFile::Session {
 public:
  Session(Session&& other) noexcept;
  Session& operator=(Session&&) = delete;
  ~Session();

  // Bytes; a multiple of the record size.
  uint64_t size() const { return size_; }
  // Nobody has written to the file since the last session of this PoolFile ended.
  bool untouched() const { return untouched_; }
  // The file's modification time.
  absl::Time modified() const { return modified_; }

  // Whole records from `offset` on, at most `count` bytes of them.
  absl::StatusOr<std::string> Read(uint64_t offset, uint64_t count) const;

  // Adds whole records at the end. On failure none of them is in the file, unless the message says
  // that taking them back failed too. Aborted: another program changed the file without a lock.
  absl::Status Append(std::string_view records);

  // Replaces whole records that are already there. On failure the range may hold parts of both.
  // Aborted: another program truncated the file without a lock, and the records are not there.
  absl::Status Overwrite(uint64_t offset, std::string_view records);

  // Cuts the file to `size` bytes, a multiple of the record size and not above size().
  absl::Status Truncate(uint64_t size);

 private:
  friend class PoolFile;
  Session(PoolFile* file, PoolLock lock);

  // Unlocks and forgets the file: for one that has lost its name.
  void Abandon();
  // Learns the size and cuts what is no record off the end.
  absl::Status Begin();
  // Makes the file longer by `count` bytes of zeros.
  absl::Status Extend(uint64_t count);
  // After a failed append: cuts the file back to size(). Returns `cause`, extended if that fails.
  absl::Status TakeBack(const absl::Status& cause);
  // Where the last record ends that is not of zeros, at `offset` or before it.
  absl::StatusOr<uint64_t> EndOfRecords(uint64_t offset) const;
  PoolSyscalls* syscalls() const { return file_->options_.syscalls; }

  PoolFile* file_;  // null: moved from
  std::optional<PoolLock> lock_;
  uint64_t locked_nano_;
  uint64_t size_ = 0;
  bool whole_ = false;  // no torn record and no hole at the end, as far as we caused or looked
  bool untouched_ = false;
  absl::Time modified_;
};

}  // namespace sluice::kvp
