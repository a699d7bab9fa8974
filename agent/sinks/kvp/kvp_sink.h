// The sink that writes spans and events into the Hyper-V KVP pool, under azure-init's keys and in
// its words, and the provisioning report.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/self/counters.h"
#include "agent/sinks/kvp/cancellable_syscalls.h"
#include "agent/sinks/kvp/edits_pool.h"
#include "agent/sinks/kvp/pool_file.h"
#include "agent/sinks/kvp/pool_keeper.h"
#include "agent/sinks/kvp/pool_watch.h"
#include "agent/sinks/sink.h"
#include "proto/kvp/cloud_init.h"
#include "proto/kvp/slot.h"

namespace sluice::kvp {

class KvpSink final : public sinks::Sink, public EditsPool {
 public:
  struct Options {
    std::string pool_path;
    // Per-boot directory for the shadow of our own records.
    std::string runtime_directory;
    // Survives reboots: tells which boot last cleared the pool.
    std::string boot_id_path;
    std::string vm_id;
    // Key prefix of root's records and of trusted users', unless their service names one.
    std::string prefix;
    std::vector<uid_t> trusted;
    Profile profile = Profile::kSafe;
    // 16 bytes: keys of one journal's records are the same on every replay.
    std::string journal_epoch;
    Counters* counters = nullptr;
  };

  explicit KvpSink(Options options);

  std::string destination() const override { return options_.pool_path; }
  absl::Status Open() override;
  // Events of host root that hold a provisioning report.
  stream::UnfilteredFn unfiltered() const override;
  void Add(const stream::Delivery& delivery) override;
  absl::Status Commit() override;
  int retry_fd() const override { return watch_.has_value() ? watch_->fd() : -1; }
  absl::Status Sync() override;
  // Restores what another program's rewrite of the pool lost; where that fails, Sync() tries again.
  bool OnIdle() override;
  // Other programs may hold a lock of the pool.
  void Cancel() override { syscalls_.Cancel(); }
  size_t pending_bytes() const override { return pending_bytes_; }

  absl::StatusOr<size_t> Edit(const PoolEdit& edit) override;

 private:
  struct Report {
    std::string text;
    // Of its event, last, and of those of reports that it replaced before they were written. A
    // replay in other pieces must not write one of them over it.
    std::vector<std::string> uuids;
  };

  bool IsTrusted(uid_t uid) const;
  std::string PrefixOf(const live::Origin& origin) const;
  std::string KeyOf(const stream::Delivery& delivery) const;
  // Before the first write of a boot, as soon as there is a pool.
  absl::Status ClearIfStale();
  absl::Status WritePending();
  // Whether the pool changed since the last call of this.
  bool PoolChanged();
  void AddEntry(const stream::Delivery& delivery, const std::string& key, const std::string& value);
  void AddCloudInitReport(const stream::Delivery& delivery, const CloudInitReport& report);
  std::string UuidOf(const stream::Delivery& delivery) const;

  const Options options_;
  std::array<uint8_t, 16> epoch_{};
  CancellableSyscalls syscalls_;
  PoolFile pool_;
  std::unique_ptr<PoolKeeper> keeper_;
  // While the pool's directory is missing.
  std::optional<PoolWatch> watch_;
  absl::Time boot_time_;
  bool stale_check_due_ = true;

  std::vector<PoolEntry> entries_;
  // The newest report not written yet.
  std::optional<Report> report_;
  size_t pending_bytes_ = 0;
  uint64_t counted_repairs_ = 0;
  // The pool's inode, size and times as last seen.
  std::array<int64_t, 5> seen_{};
};

}  // namespace sluice::kvp
