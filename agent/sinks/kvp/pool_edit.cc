// PoolKeeper's changes of others' records, which root alone asks for.
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "agent/base/status_macros.h"
#include "agent/sinks/kvp/pool_keeper.h"

namespace sluice::kvp {
namespace {

// Puts `record` over each of its key in `pool`; returns over how many.
size_t PutOver(std::string_view record, std::string* pool) {
  const std::string_view key = DecodeRecord(record).key;
  size_t count = 0;
  for (size_t at = 0; at < pool->size(); at += kRecordBytes) {
    const std::string_view there = std::string_view(*pool).substr(at, kRecordBytes);
    if (DecodeRecord(there).key != key) continue;
    pool->replace(at, kRecordBytes, record);
    ++count;
  }
  return count;
}

}  // namespace

absl::StatusOr<size_t> PoolKeeper::Edit(const PoolEdit& edit, absl::Time boot_time) {
  ASSIGN_OR_RETURN(PoolFile::Session session, LockAndLocate());
  // In whole seconds, as WrittenBeforeBoot(): the boot's own time has no finer ones.
  if (edit.if_stale && absl::ToUnixSeconds(session.modified()) > absl::ToUnixSeconds(boot_time)) {
    return 0;
  }
  ASSIGN_OR_RETURN(const std::string before, session.Read(0, session.size()));
  const EditedPool edited = ApplyEdit(edit, before);
  if (!edited.error.empty()) return absl::InvalidArgumentError(edited.error);
  uncertain_ = true;
  RETURN_IF_ERROR(session.Replace(before, edited.records));
  ForgetRemoved(RemovalsOf(edit));
  RETURN_IF_ERROR(Locate(session));
  RETURN_IF_ERROR(WriteMissing(session));
  return edited.removed;
}

// The note is read each time: what root noted but never did, because it failed or was killed, must
// not be taken for the removal of what comes later.
absl::StatusOr<PoolFile::Session> PoolKeeper::LockAndLocate() {
  ASSIGN_OR_RETURN(PoolFile::Session session, pool_->Lock());
  if (!note_.has_value() || !session.untouched()) note_.emplace(pool_->path());
  const Removals removals = note_->Read();
  RETURN_IF_ERROR(ForgetWrittenOver(session, removals.keys));
  RETURN_IF_ERROR(Locate(session));
  if (removals.empty()) return session;
  ForgetLost(removals);
  note_->Clear();
  return session;
}

// Records of ours in whose place root has put another value.
absl::Status PoolKeeper::ForgetWrittenOver(PoolFile::Session& session,
                                           const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    const OwnEntry* const entry = ledger_.own().FindKey(key);
    if (entry == nullptr || !entry->slots[0].placed()) continue;
    ASSIGN_OR_RETURN(const std::string record, session.Read(entry->slots[0].offset, kRecordBytes));
    if (record.empty()) continue;
    const Pair found = DecodeRecord(record);
    if (found.key == key && found != ledger_.cell(entry->slots[0]).text()) Forget(key);
  }
  return absl::OkStatus();
}

// What is noted and still stands was not removed, and what never stood was not there.
void PoolKeeper::ForgetLost(const Removals& removals) {
  std::vector<std::string> lost;
  for (const auto& [sequence, entry] : ledger_.own().entries()) {
    if (entry.placed() == 0 && ledger_.HasStood(entry)) lost.push_back(entry.key);
  }
  const std::unordered_set<std::string_view> noted(removals.keys.begin(), removals.keys.end());
  for (const std::string& key : lost) {
    if (removals.everything || noted.contains(key)) Forget(key);
  }
  for (const std::string& key : removals.keys) {
    if (!ledger_.own().Has(key)) ledger_.shadow().Forget(key);
  }
  if (removals.everything) found_keys_.clear();
}

void PoolKeeper::ForgetRemoved(const Removals& removals) {
  for (const std::string& key : removals.keys) Forget(key);
  if (!removals.everything) return;
  found_keys_.clear();
  std::vector<std::string> keys;
  for (const auto& [sequence, entry] : ledger_.own().entries()) {
    if (ledger_.HasStood(entry)) keys.push_back(entry.key);
  }
  for (const std::string& key : keys) Forget(key);
}

// Of several records under one key the host takes the first, and whoever reads the file the last.
// So another program's say the same as ours from now on. To remove one would move a third program's
// record into its place.
absl::Status PoolKeeper::PutAlone(PoolFile::Session& session, const PoolEntry& entry) {
  ASSIGN_OR_RETURN(const std::string before, session.Read(0, session.size()));
  std::string after = before;
  OwnEntry* const old = ledger_.own().FindKey(DecodeRecord(entry.records).key);
  const size_t ours = old == nullptr ? 0 : old->placed();
  if (PutOver(entry.records, &after) == ours) return PutPinned(session, entry);

  if (old != nullptr) {
    missing_.erase(old->sequence);
    ledger_.Remove(*old);
  }
  OwnEntry& fresh = ledger_.Register(entry, /*pinned=*/true);
  Lose({&fresh, 0});
  uncertain_ = true;
  RETURN_IF_ERROR(session.Replace(before, after));
  return Locate(session);
}

}  // namespace sluice::kvp
