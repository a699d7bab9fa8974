#include "agent/sinks/kvp/own_records.h"

#include <algorithm>

#include "proto/kvp/slot.h"

namespace sluice::kvp {
namespace {

constexpr uint64_t kPoolRecords = 1000;
constexpr uint64_t kLeastOwn = 64;
constexpr uint64_t kMostOwn = 900;

uint64_t ShareOfUid(uint64_t budget) { return budget / 4; }
uint64_t ShareOfUnprivileged(uint64_t budget) { return budget - budget / 4; }

// `next` lies behind `place` in the file and, by what belongs together, may be taken with it.
bool Continues(const OwnPlace& place, const OwnPlace& next) {
  if (next.offset() - place.offset() != kRecordBytes) return false;
  if (next.entry == place.entry) return next.chunk == place.chunk + 1;
  return place.IsLastChunk() && next.chunk == 0;
}

bool IsRun(std::span<const OwnPlace> places) {
  for (size_t i = 1; i < places.size(); ++i) {
    if (!Continues(places[i - 1], places[i])) return false;
  }
  return places.back().IsLastChunk();
}

}  // namespace

uint64_t OwnBudget(uint64_t foreign) {
  return std::clamp(kPoolRecords - std::min(foreign, kPoolRecords), kLeastOwn, kMostOwn);
}

size_t OwnEntry::placed() const {
  return static_cast<size_t>(
      std::count_if(slots.begin(), slots.end(), [](const OwnSlot& slot) { return slot.placed(); }));
}

bool OwnEntry::InOrder() const {
  return std::is_sorted(slots.begin(), slots.end(),
                        [](const OwnSlot& a, const OwnSlot& b) { return a.offset < b.offset; });
}

OwnRecords::Rank OwnRecords::RankOf(const OwnEntry& entry) {
  return {-static_cast<int>(entry.level), entry.sequence};
}

void OwnRecords::Add(OwnEntry entry) {
  by_key_[entry.key] = entry.sequence;
  placed_ += entry.placed();
  placed_by_uid_[entry.uid] += entry.placed();
  const auto [added, _] = entries_.emplace(entry.sequence, std::move(entry));
  OwnEntry& kept = added->second;
  if (!kept.pinned) displaceable_.emplace(RankOf(kept), &kept);
}

void OwnRecords::Remove(uint64_t sequence) {
  const auto found = entries_.find(sequence);
  if (found == entries_.end()) return;
  OwnEntry& entry = found->second;
  for (size_t chunk = 0; chunk < entry.slots.size(); ++chunk) Place(entry, chunk, OwnSlot::kLost);
  displaceable_.erase(RankOf(entry));
  if (const auto key = by_key_.find(entry.key); key->second == sequence) by_key_.erase(key);
  entries_.erase(found);
}

void OwnRecords::Place(OwnEntry& entry, size_t chunk, uint64_t offset) {
  OwnSlot& slot = entry.slots[chunk];
  const uint64_t before = slot.placed();
  slot.offset = offset;
  placed_ += slot.placed() - before;
  placed_by_uid_[entry.uid] += slot.placed() - before;
}

void OwnRecords::DropLastSlot(OwnEntry& entry) {
  Place(entry, entry.slots.size() - 1, OwnSlot::kLost);
  entry.slots.pop_back();
}

OwnEntry* OwnRecords::Find(uint64_t sequence) {
  const auto found = entries_.find(sequence);
  return found == entries_.end() ? nullptr : &found->second;
}

OwnEntry* OwnRecords::FindKey(std::string_view key) {
  const auto found = by_key_.find(std::string(key));
  return found == by_key_.end() ? nullptr : Find(found->second);
}

bool OwnRecords::Has(std::string_view key) const { return by_key_.contains(std::string(key)); }

uint64_t OwnRecords::placed_of(uid_t uid) const {
  const auto found = placed_by_uid_.find(uid);
  return found == placed_by_uid_.end() ? 0 : found->second;
}

bool OwnRecords::HasRoom(size_t count, uid_t uid, uint64_t budget) const {
  if (placed_ + count > budget) return false;
  if (uid == 0) return true;
  return placed_of(uid) + count <= ShareOfUid(budget) &&
         placed_unprivileged() + count <= ShareOfUnprivileged(budget);
}

bool OwnRecords::MayDisplace(const OwnEntry& newcomer, const OwnEntry& victim, size_t count,
                             uint64_t budget) const {
  if (victim.placed() != victim.slots.size()) return false;
  if (newcomer.uid == 0 || victim.uid == newcomer.uid) return true;
  if (placed_of(newcomer.uid) + count > ShareOfUid(budget)) return false;
  return victim.uid != 0 || placed_unprivileged() + count <= ShareOfUnprivileged(budget);
}

OwnEntry* OwnRecords::Victim(const OwnEntry& newcomer, uint64_t budget) {
  for (const auto& [rank, entry] : displaceable_) {
    if (rank >= RankOf(newcomer)) break;
    if (MayDisplace(newcomer, *entry, 1, budget)) return entry;
  }
  return nullptr;
}

std::vector<OwnPlace> OwnRecords::VictimRun(const OwnEntry& newcomer, size_t count,
                                            uint64_t budget) {
  std::vector<OwnPlace> places;
  for (const auto& [rank, entry] : displaceable_) {
    if (rank >= RankOf(newcomer)) break;
    if (!MayDisplace(newcomer, *entry, count, budget)) continue;
    for (size_t chunk = 0; chunk < entry->slots.size(); ++chunk) places.push_back({entry, chunk});
  }
  std::sort(places.begin(), places.end(),
            [](const OwnPlace& a, const OwnPlace& b) { return a.offset() < b.offset(); });
  std::span<const OwnPlace> best;
  Rank best_rank{};
  for (size_t first = 0; first + count <= places.size(); ++first) {
    const std::span<const OwnPlace> run(&places[first], count);
    if (!IsRun(run)) continue;
    Rank rank = RankOf(*run[0].entry);
    for (const OwnPlace& place : run) rank = std::max(rank, RankOf(*place.entry));
    if (best.empty() || rank < best_rank) best = run, best_rank = rank;
  }
  return {best.begin(), best.end()};
}

}  // namespace sluice::kvp
