// The agent's pool file: PoolStore with absl's statuses, whose codes follow from errno, and with
// the times that the locks were held.
//
// One thread owns the object; only lock_hold_times() may be read from others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/sinks/kvp/hold_times.h"
#include "proto/kvp/store.h"
#include "proto/kvp/syscalls_system.h"

namespace sluice::kvp {

absl::Status ToStatus(const PoolError& error);

class PoolFile {
 public:
  struct Options {
    std::string path;
    // A missing file is created with `create_mode` less the umask; a missing directory never is.
    bool create = true;
    mode_t create_mode = 0644;
    // How long Lock() and ReadAll() wait for other writers, in all.
    absl::Duration lock_timeout = absl::Seconds(2);
    PoolSyscalls* syscalls = SystemSyscalls();
  };

  class Session;

  explicit PoolFile(const Options& options);

  // As PoolStore::Lock. NotFound: no file and not to be created, or no directory.
  // DeadlineExceeded: others hold a lock.
  absl::StatusOr<Session> Lock();

  absl::Status Sync();
  absl::StatusOr<std::string> ReadAll() const;

  const std::string& path() const { return store_.path(); }
  uint64_t torn_tails_repaired() const { return store_.torn_tails_repaired(); }
  const HoldTimes& lock_hold_times() const { return hold_times_; }

 private:
  PoolStore store_;
  HoldTimes hold_times_;
};

// As PoolStore::Session. Unlocks when destroyed. Must not outlive its PoolFile.
class PoolFile::Session {
 public:
  Session(Session&& other) noexcept;
  Session& operator=(Session&&) = delete;
  ~Session();

  uint64_t size() const { return session_->size(); }
  bool untouched() const { return session_->untouched(); }
  absl::Time modified() const { return absl::TimeFromTimespec(session_->modified()); }

  absl::StatusOr<std::string> Read(uint64_t offset, uint64_t count) const;
  absl::Status Append(std::string_view records);
  // Aborted: another program truncated the file without a lock, and the records are not there.
  absl::Status Overwrite(uint64_t offset, std::string_view records);
  absl::Status Truncate(uint64_t size);
  absl::Status Replace(std::string_view before, std::string_view after);

 private:
  friend class PoolFile;
  Session(PoolFile* file, PoolStore::Session session);

  PoolFile* file_;  // null: moved from
  std::optional<PoolStore::Session> session_;
};

}  // namespace sluice::kvp
