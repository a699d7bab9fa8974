// Problem: Our locks keep out only the programs that take them. At the next session each record may
// be gone, moved or overwritten, and a kill may leave any write half done.
//
// States: A record has no place (new, or lost); then it is on its way to an offset; then it is
// placed. From there it is lost again (PoolLocator does not find it), given up for another
// (Displace), superseded or forgotten. A call is one session, or several: lock, compare (Locate, in
// pool_locator.cc), append what fits the budget, displace for the rest, put the summary. A session
// that another program disturbed (ABORTED) is tried again.
//
// Invariants:
// * Before an append or overwrite the shadow says where the record is going, and only afterwards
//   that it arrived. So a start after a kill knows each place where a write may be half done.
//   Otherwise our own record would pass for another program's.
// * The locator is uncertain by the time a write has failed, and only its Locate ends that, after
//   it compared every place. Otherwise an old offset could have us write over another program's
//   record.
// * The ledger's missing() has every entry with a record that has no place, and is empty when
//   WriteMissing succeeds. So OK means that each record is in the file or counted as given up.
// * Locate comes before the first write of each session, because offsets are true only under the
//   locks.

#include "agent/sinks/kvp/pool_keeper.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"

namespace sluice::kvp {
namespace {

// Records that one session writes at most, as long as nothing was lost: bounds the lock's hold time
// and the shadow's spare cells.
constexpr size_t kSessionRecords = 128;
// Sessions tried when others truncate the file under our hands.
constexpr int kAttempts = 4;

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

absl::StatusOr<std::unique_ptr<PoolKeeper>> PoolKeeper::Open(PoolFile* pool, Options options) {
  ASSIGN_OR_RETURN(Shadow shadow, Shadow::Open(options.shadow_path, options.boot_id));
  return std::unique_ptr<PoolKeeper>(new PoolKeeper(pool, std::move(options), std::move(shadow)));
}

PoolKeeper::PoolKeeper(PoolFile* pool, Options options, Shadow shadow)
    : pool_(pool),
      options_(std::move(options)),
      ledger_(std::move(shadow)),
      locator_(&ledger_, options_.counters) {
  // Root has removed the summary, which stands again once more is given up.
  if (ledger_.shadow().IsForgotten(options_.summary_key)) {
    summarized_ = ledger_.shadow().given_up();
  }
}

absl::Status PoolKeeper::Append(const std::vector<PoolEntry>& entries) {
  if (locator_.uncertain() || !ledger_.missing().empty()) RETURN_IF_ERROR(LocateAndWrite());
  size_t pending = 0;
  for (const PoolEntry& entry : entries) {
    if (!IsNew(entry)) continue;
    const size_t count = std::min(entry.records.size() / kRecordBytes, Ledger::kMostChunks);
    if (pending > 0 && pending + count > kSessionRecords) {
      RETURN_IF_ERROR(LocateAndWrite());
      pending = 0;
    }
    TakeIn(entry);
    pending += count;
  }
  return pending > 0 ? LocateAndWrite() : absl::OkStatus();
}

bool PoolKeeper::IsNew(const PoolEntry& entry) const {
  if (entry.records.size() < kRecordBytes) return false;
  const std::string_view key = DecodeRecord({entry.records.data(), kRecordBytes}).key;
  return !ledger_.own().Has(key) && !ledger_.shadow().IsForgotten(key);
}

void PoolKeeper::TakeIn(const PoolEntry& entry) {
  OwnEntry& own = ledger_.Register(entry, /*pinned=*/false);
  ledger_.missing().insert(own.sequence);
  if (locator_.WasThere(own.key)) {
    for (size_t chunk = 0; chunk < own.slots.size(); ++chunk) ledger_.Lose(own, chunk);
    locator_.SetUncertain();
  }
  const size_t beyond = entry.records.size() / kRecordBytes - own.slots.size();
  if (beyond > 0) CountGivenUp(&GivenUp::trimmed, entry.uid, beyond);
}

absl::Status PoolKeeper::Upsert(const std::string& key, const std::string& value,
                                const std::vector<std::string>& occasions) {
  if (!occasions.empty() && ledger_.shadow().IsForgotten(occasions.back())) {
    return absl::OkStatus();
  }
  PoolEntry entry{.records = {}, .level = Level::kError, .uid = 0};
  AppendRecords(key, value, Profile::kSafe, &entry.records);
  if (entry.records.size() != kRecordBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a value of ", value.size(), " bytes does not fit one record of the pool"));
  }
  RETURN_IF_ERROR(LocateAndWrite(&entry));
  for (const std::string& occasion : occasions) ledger_.shadow().Forget(occasion);
  return absl::OkStatus();
}

absl::Status PoolKeeper::Sync() {
  if (!ledger_.missing().empty() || (locator_.uncertain() && !ledger_.own().entries().empty())) {
    RETURN_IF_ERROR(LocateAndWrite());
  }
  const absl::Status status = pool_->Sync();
  // The kernel may have dropped the pages and reports that only once: write all of it anew.
  if (!status.ok()) locator_.RewriteAll();
  return status;
}

absl::Status PoolKeeper::Reconcile() {
  locator_.SetUncertain();
  return LocateAndWrite();
}

absl::StatusOr<size_t> PoolKeeper::Edit(const PoolEdit& edit, absl::Time boot_time) {
  ASSIGN_OR_RETURN(PoolFile::Session session, LockAndLocate());
  // In whole seconds, as WrittenBeforeBoot(): the boot's own time has no finer ones.
  if (edit.if_stale && absl::ToUnixSeconds(session.modified()) > absl::ToUnixSeconds(boot_time)) {
    return 0;
  }
  ASSIGN_OR_RETURN(const std::string before, session.Read(0, session.size()));
  const EditedPool edited = ApplyEdit(edit, before);
  if (!edited.error.empty()) return absl::InvalidArgumentError(edited.error);
  locator_.SetUncertain();
  RETURN_IF_ERROR(session.Replace(before, edited.records));
  ForgetRemoved(RemovalsOf(edit));
  RETURN_IF_ERROR(locator_.Locate(session));
  RETURN_IF_ERROR(WriteMissing(session));
  return edited.removed;
}

absl::Status PoolKeeper::LocateAndWrite(const PoolEntry* pinned) {
  absl::Status status = TryLocateAndWrite(pinned);
  for (int i = 1; absl::IsAborted(status) && i < kAttempts; ++i) status = TryLocateAndWrite(pinned);
  return status;
}

absl::Status PoolKeeper::TryLocateAndWrite(const PoolEntry* pinned) {
  ASSIGN_OR_RETURN(PoolFile::Session session, LockAndLocate());
  if (pinned != nullptr) RETURN_IF_ERROR(PutAlone(session, *pinned));
  return WriteMissing(session);
}

// The note is read each time: what root noted but never did, because it failed or was killed, must
// not be taken for the removal of what comes later.
absl::StatusOr<PoolFile::Session> PoolKeeper::LockAndLocate() {
  ASSIGN_OR_RETURN(PoolFile::Session session, pool_->Lock());
  if (!note_.has_value() || !session.untouched()) note_.emplace(pool_->path());
  const Removals removals = note_->Read();
  RETURN_IF_ERROR(ForgetWrittenOver(session, removals.keys));
  RETURN_IF_ERROR(locator_.Locate(session));
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
  if (removals.everything) locator_.ForgetWhatWasThere();
}

absl::Status PoolKeeper::WriteMissing(PoolFile::Session& session) {
  foreign_ = session.size() / kRecordBytes - ledger_.own().placed();
  RETURN_IF_ERROR(PlaceMissing(session));
  return WriteSummary(session);
}

absl::Status PoolKeeper::PlaceMissing(PoolFile::Session& session) {
  RETURN_IF_ERROR(AppendWhatFits(session));
  const std::vector<uint64_t> without_room(ledger_.missing().begin(), ledger_.missing().end());
  for (const uint64_t sequence : without_room) {
    // One that shrank may have made room for it.
    if (!ledger_.missing().contains(sequence)) continue;
    RETURN_IF_ERROR(Displace(session, *ledger_.own().Find(sequence)));
    ledger_.missing().erase(sequence);
  }
  return absl::OkStatus();
}

absl::Status PoolKeeper::AppendWhatFits(PoolFile::Session& session) {
  std::vector<OwnPlace> places;
  uint64_t restored = 0;
  absl::Status status = CollectWhatFits(session, &places, &restored);
  if (status.ok()) status = session.Append(batch_);
  if (!status.ok()) {
    for (const OwnPlace& place : places) ledger_.Lose(*place.entry, place.chunk);
    locator_.SetUncertain();
    return status;
  }
  for (const OwnPlace& place : places) ledger_.EndOverwrite(*place.entry, place.chunk);
  if (restored > 0 && options_.counters != nullptr) {
    options_.counters->Add("kvp.restored", {}, {}, restored);
  }
  return absl::OkStatus();
}

absl::Status PoolKeeper::CollectWhatFits(PoolFile::Session& session, std::vector<OwnPlace>* places,
                                         uint64_t* restored) {
  batch_.clear();
  for (auto next = ledger_.missing().begin(); next != ledger_.missing().end();) {
    OwnEntry& entry = *ledger_.own().Find(*next);
    RETURN_IF_ERROR(MoveToFront(session, entry));
    const size_t placed = entry.placed();
    const size_t lacking = entry.slots.size() - placed;
    if (lacking > 0 && !MayAppend(entry, lacking)) {
      ++next;
      continue;
    }
    if (lacking == 1 && placed == 0) {
      ASSIGN_OR_RETURN(const bool filled, FillHole(session, entry));
      if (filled) {
        next = ledger_.missing().erase(next);
        continue;
      }
    }
    for (size_t chunk = placed; chunk < entry.slots.size(); ++chunk) {
      *restored += entry.slots[chunk].offset == OwnSlot::kLost;
      ledger_.BeginAppend(entry, chunk, session.size() + batch_.size());
      batch_ += ledger_.cell(entry.slots[chunk]).bytes();
      places->push_back({&entry, chunk});
    }
    next = ledger_.missing().erase(next);
  }
  return absl::OkStatus();
}

// A pinned entry stays within the budget, too, unless nothing gives way.
bool PoolKeeper::MayAppend(const OwnEntry& entry, size_t count) {
  if (ledger_.own().HasRoom(count, entry.uid, budget())) return true;
  return entry.pinned && ledger_.own().Victim(entry, budget()) == nullptr;
}

absl::StatusOr<bool> PoolKeeper::FillHole(PoolFile::Session& session, OwnEntry& entry) {
  ASSIGN_OR_RETURN(const std::optional<uint64_t> hole, locator_.TakeHole(session));
  if (!hole.has_value()) return false;
  ledger_.BeginAppend(entry, 0, *hole);
  --foreign_;  // as which it counted
  RETURN_IF_ERROR(WriteOver(session, entry));
  return true;
}

// Gives the first records of an entry the places that are left, whether some are lost or another
// program put them elsewhere: the order of the chunks in the file is that of the text.
absl::Status PoolKeeper::MoveToFront(PoolFile::Session& session, OwnEntry& entry) {
  std::vector<uint64_t> offsets;
  for (const OwnSlot& slot : entry.slots) {
    if (slot.placed()) offsets.push_back(slot.offset);
  }
  std::sort(offsets.begin(), offsets.end());
  std::vector<size_t> moved;
  for (size_t chunk = 0; chunk < entry.slots.size(); ++chunk) {
    const OwnSlot& slot = entry.slots[chunk];
    if (chunk >= offsets.size()) {
      if (slot.placed()) ledger_.Lose(entry, chunk);
    } else if (slot.offset != offsets[chunk]) {
      ledger_.own().Place(entry, chunk, offsets[chunk]);
      moved.push_back(chunk);
    }
  }
  // All are on their way before the first is written: whoever goes on later finds none in doubt.
  for (const size_t chunk : moved) ledger_.BeginRewrite(entry, chunk, offsets[chunk]);
  for (const size_t chunk : moved) {
    locator_.SetUncertain();
    RETURN_IF_ERROR(locator_.Rewrite(session, entry, chunk, offsets[chunk]));
  }
  return absl::OkStatus();
}

absl::Status PoolKeeper::Displace(PoolFile::Session& session, OwnEntry& entry) {
  const size_t count = entry.slots.size();
  if (count > 1 && entry.placed() == 0) {
    const std::vector<OwnPlace> run = ledger_.own().VictimRun(entry, count, budget());
    for (size_t chunk = run.size(); chunk-- > 0;) GiveTo(entry, chunk, *run[chunk].entry);
    if (!run.empty()) return WriteOver(session, entry);
  }
  const size_t kept = std::max<size_t>(entry.placed(), 1);
  if (count > kept) {
    CountGivenUp(&GivenUp::trimmed, entry.uid, count - kept);
    ledger_.Trim(entry, kept);
    if (entry.placed() == kept) return absl::OkStatus();
    if (ledger_.own().HasRoom(kept, entry.uid, budget())) return AppendWhatFits(session);
  }
  if (OwnEntry* const victim = ledger_.own().Victim(entry, budget())) {
    GiveTo(entry, 0, *victim);
    return WriteOver(session, entry);
  }
  CountGivenUp(&GivenUp::dropped, entry.uid, 1);
  ledger_.Remove(entry);
  return absl::OkStatus();
}

void PoolKeeper::GiveTo(OwnEntry& newcomer, size_t chunk, OwnEntry& victim) {
  CountGivenUp(victim.slots.size() > 1 ? &GivenUp::trimmed : &GivenUp::overwritten, victim.uid, 1);
  ledger_.TakeOver(newcomer, chunk, victim);
}

absl::Status PoolKeeper::WriteOver(PoolFile::Session& session, OwnEntry& entry) {
  std::string records;
  for (const OwnSlot& slot : entry.slots) records += ledger_.cell(slot).bytes();
  const absl::Status status = session.Overwrite(entry.slots[0].offset, records);
  if (!status.ok()) {
    locator_.SetUncertain();  // still on its way: the next session writes it again
    return status;
  }
  for (size_t chunk = 0; chunk < entry.slots.size(); ++chunk) ledger_.EndOverwrite(entry, chunk);
  return status;
}

absl::Status PoolKeeper::WriteSummary(PoolFile::Session& session) {
  if (options_.summary_key.empty()) return absl::OkStatus();
  // Its own place may cost another record, of which it then tells as well.
  while (ledger_.shadow().given_up() != summarized_) {
    const GivenUp given_up = ledger_.shadow().given_up();
    PoolEntry entry{.records = {}, .level = Level::kError, .uid = 0};
    AppendRecords(options_.summary_key, options_.format_summary(given_up), Profile::kSafe,
                  &entry.records);
    entry.records.resize(kRecordBytes);
    RETURN_IF_ERROR(PutPinned(session, entry));
    RETURN_IF_ERROR(PlaceMissing(session));
    summarized_ = given_up;
  }
  return absl::OkStatus();
}

absl::Status PoolKeeper::PutPinned(PoolFile::Session& session, const PoolEntry& entry) {
  const Pair text = DecodeRecord(entry.records);
  OwnEntry* const old = ledger_.own().FindKey(text.key);
  if (old != nullptr && ledger_.cell(old->slots[0]).text() == text) return absl::OkStatus();
  OwnEntry& fresh = ledger_.Register(entry, /*pinned=*/true);
  if (old != nullptr) ledger_.missing().erase(old->sequence);
  if (old != nullptr && old->placed() > 0) {
    ledger_.TakeOver(fresh, 0, *old);
    return WriteOver(session, fresh);
  }
  if (old != nullptr) ledger_.Remove(*old);
  ledger_.missing().insert(fresh.sequence);
  return absl::OkStatus();
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

  if (old != nullptr) ledger_.Remove(*old);
  OwnEntry& fresh = ledger_.Register(entry, /*pinned=*/true);
  ledger_.Lose(fresh, 0);
  locator_.SetUncertain();
  RETURN_IF_ERROR(session.Replace(before, after));
  return locator_.Locate(session);
}

PoolKeeper::Usage PoolKeeper::usage() const {
  return {.own = ledger_.own().placed(),
          .foreign = foreign_,
          .budget = budget(),
          .own_by_uid = ledger_.own().placed_by_uid(),
          .given_up = ledger_.shadow().given_up()};
}

void PoolKeeper::Forget(const std::string& key) {
  ledger_.shadow().Forget(key);
  if (OwnEntry* const entry = ledger_.own().FindKey(key)) ledger_.Remove(*entry);
}

void PoolKeeper::ForgetRemoved(const Removals& removals) {
  for (const std::string& key : removals.keys) Forget(key);
  if (!removals.everything) return;
  locator_.ForgetWhatWasThere();
  std::vector<std::string> keys;
  for (const auto& [sequence, entry] : ledger_.own().entries()) {
    if (ledger_.HasStood(entry)) keys.push_back(entry.key);
  }
  for (const std::string& key : keys) Forget(key);
}

void PoolKeeper::CountGivenUp(uint64_t GivenUp::*reason, uid_t uid, uint64_t count) {
  ledger_.shadow().given_up().*reason += count;
  if (options_.counters == nullptr) return;
  const absl::string_view name = reason == &GivenUp::dropped       ? "dropped"
                                 : reason == &GivenUp::overwritten ? "overwritten"
                                                                   : "trimmed";
  options_.counters->Add("kvp.given_up", name, uid, count);
}

}  // namespace sluice::kvp
