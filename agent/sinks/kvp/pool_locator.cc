#include "agent/sinks/kvp/pool_locator.h"

#include <algorithm>
#include <set>
#include <string>

#include "agent/base/status_macros.h"

namespace sluice::kvp {
namespace {

// Read at a time; bounds our memory whatever the size of the pool.
constexpr uint64_t kWindowBytes = 100 * kRecordBytes;

std::vector<OwnPlace> PlacesInFileOrder(OwnRecords& own) {
  std::vector<OwnPlace> places;
  places.reserve(own.placed());
  for (auto& [sequence, entry] : own.entries()) {
    for (size_t chunk = 0; chunk < entry.slots.size(); ++chunk) {
      if (entry.slots[chunk].placed()) places.push_back({&entry, chunk});
    }
  }
  std::sort(places.begin(), places.end(),
            [](const OwnPlace& a, const OwnPlace& b) { return a.offset() < b.offset(); });
  return places;
}

}  // namespace

absl::Status PoolLocator::Locate(PoolFile::Session& session) {
  if (session.untouched() && !uncertain_) return absl::OkStatus();
  uncertain_ = true;
  RETURN_IF_ERROR(CheckPlaces(session));
  rewrite_all_ = false;
  const std::set<uint64_t>& missing = ledger_.missing();
  const bool lost = std::any_of(missing.begin(), missing.end(), [this](uint64_t sequence) {
    const std::vector<OwnSlot>& slots = ledger_.own().Find(sequence)->slots;
    return std::any_of(slots.begin(), slots.end(),
                       [](const OwnSlot& slot) { return slot.offset == OwnSlot::kLost; });
  });
  if (lost || !searched_) RETURN_IF_ERROR(Search(session));
  uncertain_ = false;
  return absl::OkStatus();
}

absl::Status PoolLocator::CheckPlaces(PoolFile::Session& session) {
  const std::vector<OwnPlace> places = PlacesInFileOrder(ledger_.own());
  std::string window;
  uint64_t window_begin = 0;
  for (const OwnPlace& place : places) {
    const uint64_t offset = place.offset();
    if (offset + kRecordBytes > window_begin + window.size()) {
      window_begin = offset;
      ASSIGN_OR_RETURN(window, session.Read(offset, kWindowBytes));
    }
    const std::string_view rest = std::string_view(window).substr(offset - window_begin);
    RETURN_IF_ERROR(CheckPlace(session, place, rest.substr(0, kRecordBytes)));
  }
  return absl::OkStatus();
}

// `record` is what stands at the place now; empty: the file ends before it.
absl::Status PoolLocator::CheckPlace(PoolFile::Session& session, const OwnPlace& place,
                                     std::string_view record) {
  if (record.empty()) {
    ledger_.Lose(*place.entry, place.chunk);
    return absl::OkStatus();
  }
  OwnEntry& entry = *place.entry;
  const ShadowCell& cell = ledger_.cell(entry.slots[place.chunk]);
  const Pair found = DecodeRecord(record);
  if (found == cell.text() && !rewrite_all_) {
    ledger_.EndOverwrite(entry, place.chunk);
    return absl::OkStatus();
  }
  const bool torn = cell.overwriting != 0 &&
                    (found.key == entry.key || KeyHash(found.key) == cell.replaced_key_hash);
  if (torn || found == cell.text()) return Rewrite(session, entry, place.chunk, place.offset());
  // All records moved up, and another one of the entry's stands here now: the search finds them.
  const bool moved = std::any_of(entry.slots.begin(), entry.slots.end(), [&](const OwnSlot& slot) {
    return ledger_.cell(slot).text() == found;
  });
  if (found.key == entry.key && !entry.pinned && !moved) {
    return Rewrite(session, entry, place.chunk, place.offset());
  }
  if (found.key == entry.key && entry.pinned) {
    Supersede(entry);
    return absl::OkStatus();
  }
  ledger_.Lose(*place.entry, place.chunk);
  return absl::OkStatus();
}

absl::Status PoolLocator::Search(PoolFile::Session& session) {
  holes_.clear();
  rivalled_.clear();
  const std::vector<OwnPlace> placed = PlacesInFileOrder(ledger_.own());
  std::vector<uint64_t> taken;
  taken.reserve(placed.size());
  for (const OwnPlace& place : placed) taken.push_back(place.offset());
  for (uint64_t begin = 0; begin < session.size(); begin += kWindowBytes) {
    ASSIGN_OR_RETURN(const std::string window, session.Read(begin, kWindowBytes));
    for (uint64_t at = 0; at < window.size(); at += kRecordBytes) {
      if (std::binary_search(taken.begin(), taken.end(), begin + at)) continue;
      Recognize(std::string_view(window).substr(at, kRecordBytes), begin + at);
    }
  }
  searched_ = true;
  for (const uint64_t sequence : rivalled_) {
    OwnEntry* const entry = ledger_.own().Find(sequence);
    if (entry != nullptr && entry->placed() == 0) Supersede(*entry);
  }
  return absl::OkStatus();
}

void PoolLocator::Recognize(std::string_view record, uint64_t offset) {
  if (IsHole(record)) {
    holes_.push_back(offset);
    return;
  }
  const Pair text = DecodeRecord(record);
  OwnEntry* const entry = ledger_.own().FindKey(text.key);
  if (entry == nullptr) {
    if (!searched_) found_keys_.insert(KeyHash(text.key));
    return;
  }
  for (size_t chunk = 0; chunk < entry->slots.size(); ++chunk) {
    if (entry->slots[chunk].placed() || ledger_.cell(entry->slots[chunk]).text() != text) continue;
    ledger_.own().Place(*entry, chunk, offset);
    ledger_.EndOverwrite(*entry, chunk);
    if (entry->placed() == entry->slots.size() && entry->InOrder()) {
      ledger_.missing().erase(entry->sequence);
    }
    return;
  }
  if (entry->pinned) rivalled_.push_back(entry->sequence);
}

// Another program has upserted the same key: the newer word stands, and is its own.
void PoolLocator::Supersede(OwnEntry& entry) {
  if (counters_ != nullptr) counters_->Add("kvp.superseded");
  ledger_.Remove(entry);
}

absl::Status PoolLocator::Rewrite(PoolFile::Session& session, OwnEntry& entry, size_t chunk,
                                  uint64_t offset) {
  ledger_.BeginRewrite(entry, chunk, offset);
  RETURN_IF_ERROR(session.Overwrite(offset, ledger_.cell(entry.slots[chunk]).bytes()));
  ledger_.EndOverwrite(entry, chunk);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<uint64_t>> PoolLocator::TakeHole(PoolFile::Session& session) {
  while (!holes_.empty()) {
    const uint64_t offset = holes_.back();
    // It may have moved or gone since the search.
    ASSIGN_OR_RETURN(const std::string record, session.Read(offset, kRecordBytes));
    holes_.pop_back();
    if (IsHole(record)) return offset;
  }
  return std::nullopt;
}

bool PoolLocator::WasThere(std::string_view key) const {
  return found_keys_.contains(KeyHash(key));
}

}  // namespace sluice::kvp
