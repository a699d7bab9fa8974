// PoolKeeper's changes of others' records, which root alone asks for.
#include <string>
#include <string_view>

#include "agent/base/status_macros.h"
#include "agent/sinks/kvp/pool_keeper.h"

namespace sluice::kvp {
namespace {

size_t CountKey(std::string_view records, std::string_view key) {
  size_t count = 0;
  for (size_t at = 0; at < records.size(); at += kRecordBytes) {
    count += DecodeRecord(records.substr(at, kRecordBytes)).key == key;
  }
  return count;
}

}  // namespace

absl::StatusOr<size_t> PoolKeeper::Edit(const PoolEdit& edit, absl::Time boot_time) {
  ASSIGN_OR_RETURN(PoolFile::Session session, pool_->Lock());
  // In whole seconds, as WrittenBeforeBoot(): the boot's own time has no finer ones.
  if (edit.if_stale && absl::ToUnixSeconds(session.modified()) > absl::ToUnixSeconds(boot_time)) {
    return 0;
  }
  ASSIGN_OR_RETURN(const std::string before, session.Read(0, session.size()));
  const EditedPool edited = ApplyEdit(edit, before);
  if (!edited.error.empty()) return absl::InvalidArgumentError(edited.error);
  ForgetEdited(edit);
  uncertain_ = true;
  RETURN_IF_ERROR(session.Replace(before, edited.records));
  RETURN_IF_ERROR(Locate(session));
  RETURN_IF_ERROR(WriteMissing(session));
  return edited.removed;
}

void PoolKeeper::ForgetEdited(const PoolEdit& edit) {
  switch (edit.kind) {
    case PoolEdit::Kind::kAppend:
      return;
    case PoolEdit::Kind::kUpsert:
      return Forget(edit.records.front().key);
    case PoolEdit::Kind::kRemove:
      for (const std::string& key : edit.keys) Forget(key);
      return;
    case PoolEdit::Kind::kLoad:
    case PoolEdit::Kind::kClear:
      while (!ledger_.own().entries().empty()) Forget(ledger_.own().entries().begin()->second.key);
      found_keys_.clear();
  }
}

// Of several records under one key the host takes the first, and whoever reads the file the last:
// another program's give way to ours.
absl::Status PoolKeeper::PutAlone(PoolFile::Session& session, const PoolEntry& entry) {
  const Pair text = DecodeRecord(entry.records);
  ASSIGN_OR_RETURN(const std::string before, session.Read(0, session.size()));
  OwnEntry* const old = ledger_.own().FindKey(text.key);
  const size_t ours = old == nullptr ? 0 : old->placed();
  if (CountKey(before, text.key) == ours) return PutPinned(session, entry);

  if (old != nullptr) {
    missing_.erase(old->sequence);
    ledger_.Remove(*old);
  }
  OwnEntry& fresh = ledger_.Register(entry, /*pinned=*/true);
  Lose({&fresh, 0});
  uncertain_ = true;
  const PoolEdit upsert{.kind = PoolEdit::Kind::kUpsert,
                        .records = {{std::string(text.key), std::string(text.value)}}};
  RETURN_IF_ERROR(session.Replace(before, ApplyEdit(upsert, before).records));
  return Locate(session);
}

}  // namespace sluice::kvp
