// The one way to write a KVP pool file, which other programs write too: an array of 2560-byte
// records. std only: the agent and the tool link it.
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
// Errors carry the path. One thread owns the object.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "proto/base/unique_fd.h"
#include "proto/kvp/lock.h"
#include "proto/kvp/result.h"
#include "proto/kvp/syscalls.h"
#include "proto/kvp/syscalls_system.h"

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

// Whether a record has neither key nor value, as an append leaves it that was killed. No program
// writes one; the daemon, which moves text alone, leaves old bytes behind its NULs.
bool IsHole(std::string_view record);

class PoolStore {
 public:
  struct Options {
    std::string path;
    // A missing file is created with `create_mode` less the umask; a missing directory never is.
    bool create = true;
    mode_t create_mode = 0644;
    // A file that is no whole number of records: cut, or an error in libazureinit-kvp's words.
    enum class Torn { kCut, kRefuse };
    Torn torn = Torn::kCut;
    // How long Lock() and ReadAll() wait for other writers, in all.
    std::chrono::nanoseconds lock_timeout = std::chrono::seconds(2);
    PoolSyscalls* syscalls = SystemSyscalls();
  };

  class Session;

  explicit PoolStore(Options options);

  // Opens the file if it is not open or was replaced, takes both locks, and makes the file whole.
  // ENOENT: no file and not to be created, or no directory. ETIMEDOUT: others hold a lock. At most
  // one session at a time.
  PoolResult<Session> Lock();

  // Makes what was written, by a killed predecessor too, survive a crash of the machine. Nothing
  // happens before the first session, nor when nothing was written since the last call.
  PoolError Sync();

  // The whole file under shared locks, a torn record at its end included; empty when there is no
  // file.
  PoolResult<std::string> ReadAll() const;

  const Options& options() const { return options_; }
  const std::string& path() const { return options_.path; }
  uint64_t torn_tails_repaired() const { return torn_tails_repaired_; }

 private:
  PoolError Open();
  // The descriptor is of the file that has the name now.
  PoolResult<bool> IsCurrent() const;
  PoolResult<struct stat> Fstat(int fd) const;
  PoolError ErrnoError(const char* doing) const;
  uint64_t Deadline() const;

  const Options options_;
  UniqueFd fd_;  // holds the locks
  // The file as the last session left it; absent when it could not tell.
  std::optional<FileVersion> left_;
  bool unsynced_ = false;
  uint64_t torn_tails_repaired_ = 0;
};

// What libazureinit-kvp says of a file of `size` bytes that is no whole number of records.
std::string TornSizeText(uint64_t size);

// Unlocks when destroyed. Must not outlive its PoolStore.
class PoolStore::Session {
 public:
  Session(Session&& other) noexcept;
  Session& operator=(Session&&) = delete;
  ~Session();

  // Bytes; a multiple of the record size.
  uint64_t size() const { return size_; }
  // Nobody has written to the file since the last session of this PoolStore ended.
  bool untouched() const { return untouched_; }
  // The file's modification time when the session began.
  timespec modified() const { return modified_; }
  // When it took the locks, as PoolSyscalls::NowNano.
  uint64_t locked_nano() const { return locked_nano_; }

  // Whole records from `offset` on, at most `count` bytes of them.
  PoolResult<std::string> Read(uint64_t offset, uint64_t count) const;

  // Adds whole records at the end. On failure none of them is in the file, unless the message says
  // that taking them back failed too. ESTALE: another program changed the file without a lock.
  PoolError Append(std::string_view records);

  // Replaces whole records that are already there. On failure the range may hold parts of both.
  // ESTALE: another program truncated the file without a lock, and the records are not there.
  PoolError Overwrite(uint64_t offset, std::string_view records);

  // Cuts the file to `size` bytes, a multiple of the record size and not above size().
  PoolError Truncate(uint64_t size);

  // Makes the file, which holds `before`, hold `after`; both are whole records. Only records that
  // differ are written. On failure it holds `before` again, unless the message says that taking it
  // back failed too, or the file is shorter by then. Killed within, it may hold parts of both: a
  // record that moves to an earlier place stands in both rather than in none.
  PoolError Replace(std::string_view before, std::string_view after);

 private:
  friend class PoolStore;
  Session(PoolStore* store, PoolLock lock);

  // Unlocks and forgets the file: for one that has lost its name.
  void Abandon();
  // Learns the size and cuts what is no record off the end.
  PoolError Begin();
  // Makes the file longer by `count` bytes of zeros.
  PoolError Extend(uint64_t count);
  // After a failed append: cuts the file back to size(). Returns `cause`, extended if that fails.
  PoolError TakeBack(const PoolError& cause);
  PoolError TryOverwrite(uint64_t offset, std::string_view records);
  PoolError TryReplace(std::string_view before, std::string_view after);
  // Writes those records of `after` that stand otherwise in `before`, as far as both reach.
  PoolError OverwriteWhatDiffers(std::string_view before, std::string_view after);
  // Where the last record ends that is not of zeros, at `offset` or before it.
  PoolResult<uint64_t> EndOfRecords(uint64_t offset) const;
  PoolSyscalls* syscalls() const { return store_->options_.syscalls; }

  PoolStore* store_;  // null: moved from
  std::optional<PoolLock> lock_;
  uint64_t locked_nano_;
  uint64_t size_ = 0;
  bool whole_ = false;  // no torn record and no hole at the end, as far as we caused or looked
  bool untouched_ = false;
  timespec modified_{};
};

}  // namespace sluice::kvp
