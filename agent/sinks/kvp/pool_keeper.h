// Keeps our records in the pool: each once, as many as the budget allows, and there again when
// another program's rewrite lost them.
//
// Which problem does it solve? Others truncate, rewrite and overwrite the pool, and we may be
// killed at any instruction. So a shadow of every record we own lies in a per-boot file; each
// append first compares the pool with it. A record found elsewhere is followed, a lost one is
// written again, and one whose key is there already is not written twice. Foreign records are never
// touched.
//
// Budget: clamp(1000 - foreign records, 64, 900) records of ours. When it is used up, the least
// urgent and then oldest record is overwritten in place: never one more urgent than the newcomer,
// never the report or the summary. An entry of n records takes n adjacent places or shrinks to its
// first. A uid other than root owns at most a quarter of the budget, all of them together three
// quarters; above that a newcomer displaces only such records. What was given up is counted by
// reason and uid, and stands in one summary record.
//
// One thread owns the object. Errors carry the path; after one, call again with the same entries.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/self/counters.h"
#include "agent/sinks/kvp/ledger.h"
#include "agent/sinks/kvp/pool_file.h"
#include "agent/sinks/kvp/pool_locator.h"
#include "proto/kvp/edit.h"
#include "proto/kvp/removal_note.h"

namespace sluice::kvp {

class PoolKeeper {
 public:
  struct Options {
    // Where the shadow lies: in a directory that is emptied at boot, e.g. /run/sluiced.
    std::string shadow_path;
    std::string boot_id;
    // The summary record: its key, and its value (at most 1022 bytes). None while nothing was given
    // up.
    std::string summary_key;
    std::function<std::string(const GivenUp&)> format_summary;
    // Gets `kvp.given_up` by reason and uid, `kvp.restored`, `kvp.superseded`.
    Counters* counters = nullptr;
  };

  // Reads the shadow that a predecessor of this boot left. The pool need not be there yet. `pool`
  // and the counters must outlive the keeper.
  static absl::StatusOr<std::unique_ptr<PoolKeeper>> Open(PoolFile* pool, Options options);

  // OK: every entry is in the file, or was given up and counted. Not synced. An entry that is there
  // already, or that root has removed, is left out.
  absl::Status Append(const std::vector<PoolEntry>& entries);

  // Writes the one record `key`, or replaces its value in place. Such a record is never given up.
  // Others' records under that key give way, as to libazureinit-kvp. InvalidArgument: more than
  // fits one record. `occasions` name for ever the call, last, and calls before it that it makes
  // needless: when one that named the last has succeeded, this is a replay, and changes nothing;
  // without a name every call counts.
  absl::Status Upsert(const std::string& key, const std::string& value,
                      const std::vector<std::string>& occasions = {});

  // Makes all of it survive a crash of the machine, once what is known to be lost is back.
  absl::Status Sync();

  // Compares all our records with the pool and restores what is lost: for times without appends.
  absl::Status Reconcile();

  // Root's changes of the file, others' records included; returns how many records kRemove and
  // kClear removed. What they remove of ours is not restored, nor written again by a replay; what
  // they add is root's and not kept by us. After an error the file is as before, and so are we.
  // `boot_time`: for if_stale. Not synced. InvalidArgument: refused, and nothing done.
  absl::StatusOr<size_t> Edit(const PoolEdit& edit, absl::Time boot_time = absl::InfinitePast());

  struct Usage {
    uint64_t own = 0;
    uint64_t foreign = 0;
    uint64_t budget = 0;
    std::map<uid_t, uint64_t> own_by_uid;
    GivenUp given_up;
  };
  // As of the last call that took the locks.
  Usage usage() const;

 private:
  PoolKeeper(PoolFile* pool, Options options, Shadow shadow);

  // Writes what has no place.
  absl::Status LocateAndWrite(const PoolEntry* pinned = nullptr);
  absl::Status TryLocateAndWrite(const PoolEntry* pinned);
  absl::Status WriteMissing(PoolFile::Session& session);
  absl::Status PlaceMissing(PoolFile::Session& session);
  bool MayAppend(const OwnEntry& entry, size_t count);
  absl::Status AppendWhatFits(PoolFile::Session& session);
  // Gives what fits its places in `batch_`, which the caller writes: the `places`, of which so many
  // are `restored`. After an error too.
  absl::Status CollectWhatFits(PoolFile::Session& session, std::vector<OwnPlace>* places,
                               uint64_t* restored);
  // Writes an entry of one record in the place of a hole, if one is left.
  absl::StatusOr<bool> FillHole(PoolFile::Session& session, OwnEntry& entry);
  absl::Status MoveToFront(PoolFile::Session& session, OwnEntry& entry);
  absl::Status Displace(PoolFile::Session& session, OwnEntry& entry);
  absl::Status WriteSummary(PoolFile::Session& session);
  absl::Status PutPinned(PoolFile::Session& session, const PoolEntry& entry);

  // As PutPinned, and others' records under the key say the same.
  absl::Status PutAlone(PoolFile::Session& session, const PoolEntry& entry);
  // The locks, and Locate. What root removed or wrote over past us is forgotten.
  absl::StatusOr<PoolFile::Session> LockAndLocate();
  absl::Status ForgetWrittenOver(PoolFile::Session& session, const std::vector<std::string>& keys);
  void ForgetLost(const Removals& removals);
  void ForgetRemoved(const Removals& removals);

  // The last record of `victim` is given up for `chunk` of `newcomer`.
  void GiveTo(OwnEntry& newcomer, size_t chunk, OwnEntry& victim);
  // Writes an entry whose adjacent places were another's.
  absl::Status WriteOver(PoolFile::Session& session, OwnEntry& entry);

  bool IsNew(const PoolEntry& entry) const;
  void TakeIn(const PoolEntry& entry);
  void Forget(const std::string& key);
  void CountGivenUp(uint64_t GivenUp::*reason, uid_t uid, uint64_t count);
  uint64_t budget() const { return OwnBudget(foreign_); }

  PoolFile* const pool_;
  const Options options_;
  Ledger ledger_;
  PoolLocator locator_;
  uint64_t foreign_ = 0;
  GivenUp summarized_;
  // Made by the first session.
  std::optional<RemovalNote> note_;
  // Records on their way to the end of the file; kept for its memory.
  std::string batch_;
};

}  // namespace sluice::kvp
