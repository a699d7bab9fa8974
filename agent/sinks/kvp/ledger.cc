#include "agent/sinks/kvp/ledger.h"

#include <algorithm>
#include <map>
#include <utility>

namespace sluice::kvp {
namespace {

// Sequence and chunk of each record that an unfinished overwrite took the place of.
std::set<std::pair<uint64_t, uint32_t>> Replaced(const Shadow& shadow) {
  std::set<std::pair<uint64_t, uint32_t>> replaced;
  for (const ShadowCell& cell : shadow.cells()) {
    if (cell.sequence == 0 || cell.overwriting == 0) continue;
    if (cell.replaced_sequence == cell.sequence) continue;  // a rewrite within the entry
    replaced.emplace(cell.replaced_sequence, cell.replaced_chunk);
  }
  return replaced;
}

}  // namespace

Ledger::Ledger(Shadow shadow) : shadow_(std::move(shadow)) { Load(); }

void Ledger::Load() {
  const std::set<std::pair<uint64_t, uint32_t>> replaced = Replaced(shadow_);
  std::map<uint64_t, std::map<uint32_t, size_t>> by_sequence;  // -> chunk -> cell
  for (size_t i = 0; i < Shadow::kCells; ++i) {
    const ShadowCell& cell = shadow_.cells()[i];
    if (cell.sequence != 0 && replaced.contains({cell.sequence, cell.chunk})) shadow_.Free(i);
    if (cell.sequence == 0) {
      free_cells_.push_back(i);
    } else {
      by_sequence[cell.sequence][cell.chunk] = i;
    }
  }
  for (const auto& [sequence, cells] : by_sequence) {
    // Register() writes the first chunk last: without it the entry was never complete. An upsert of
    // a key that never got as far as to overwrite the older record is not acknowledged either.
    const ShadowCell& first = shadow_.cells()[cells.begin()->second];
    const std::string key(first.text().key);
    if (first.chunk != 0 || own_.FindKey(key) != nullptr) {
      for (const auto& [chunk, index] : cells) shadow_.Free(index), free_cells_.push_back(index);
      continue;
    }
    OwnEntry entry{.sequence = sequence,
                   .key = key,
                   .level = static_cast<Level>(first.level),
                   .uid = first.uid,
                   .pinned = first.pinned != 0,
                   .slots = {}};
    for (const auto& [chunk, index] : cells) {
      const ShadowCell& cell = shadow_.cells()[index];
      entry.slots.push_back({index, cell.overwriting != 0 ? cell.offset : OwnSlot::kLost});
    }
    if (entry.placed() < entry.slots.size()) missing_.insert(sequence);
    own_.Add(std::move(entry));
  }
}

OwnEntry& Ledger::Register(const PoolEntry& entry, bool pinned) {
  const size_t count = std::min(entry.records.size() / kRecordBytes, kMostChunks);
  OwnEntry own{.sequence = shadow_.NextSequence(),
               .key = std::string(DecodeRecord({entry.records.data(), kRecordBytes}).key),
               .level = entry.level,
               .uid = entry.uid,
               .pinned = pinned,
               .slots = {}};
  own.slots.resize(count);
  for (size_t chunk = count; chunk-- > 0;) {
    ShadowCell cell{.sequence = own.sequence,
                    .chunk = static_cast<uint32_t>(chunk),
                    .uid = entry.uid,
                    .level = static_cast<uint8_t>(entry.level),
                    .pinned = pinned};
    entry.records.copy(cell.record, kRecordBytes, chunk * kRecordBytes);
    own.slots[chunk].cell = free_cells_.back();
    free_cells_.pop_back();
    shadow_.Put(own.slots[chunk].cell, cell);
  }
  const uint64_t sequence = own.sequence;
  own_.Add(std::move(own));
  return *own_.Find(sequence);
}

void Ledger::Remove(OwnEntry& entry) {
  Trim(entry, 1);
  shadow_.Free(entry.slots[0].cell);
  free_cells_.push_back(entry.slots[0].cell);
  missing_.erase(entry.sequence);
  own_.Remove(entry.sequence);
}

void Ledger::Trim(OwnEntry& entry, size_t count) {
  while (entry.slots.size() > count) {
    shadow_.Free(entry.slots.back().cell);
    free_cells_.push_back(entry.slots.back().cell);
    own_.DropLastSlot(entry);
  }
}

void Ledger::TakeOver(OwnEntry& newcomer, size_t chunk, OwnEntry& victim) {
  const OwnSlot taken = victim.slots.back();
  shadow_.BeginOverwrite(newcomer.slots[chunk].cell, taken.offset, cell(taken));
  if (victim.slots.size() > 1) {
    Trim(victim, victim.slots.size() - 1);
  } else {
    Remove(victim);
  }
  own_.Place(newcomer, chunk, taken.offset);
}

void Ledger::BeginAppend(OwnEntry& entry, size_t chunk, uint64_t offset) {
  shadow_.BeginOverwrite(entry.slots[chunk].cell, offset, ShadowCell{});
  own_.Place(entry, chunk, offset);
}

void Ledger::BeginRewrite(const OwnEntry& entry, size_t chunk, uint64_t offset) {
  shadow_.BeginOverwrite(entry.slots[chunk].cell, offset, cell(entry.slots[chunk]));
}

void Ledger::EndOverwrite(const OwnEntry& entry, size_t chunk) {
  shadow_.EndOverwrite(entry.slots[chunk].cell);
}

void Ledger::Lose(OwnEntry& entry, size_t chunk) {
  own_.Place(entry, chunk, OwnSlot::kLost);
  missing_.insert(entry.sequence);
  shadow_.CancelOverwrite(entry.slots[chunk].cell);
}

bool Ledger::HasStood(const OwnEntry& entry) const {
  return std::any_of(entry.slots.begin(), entry.slots.end(),
                     [this](const OwnSlot& slot) { return cell(slot).stood != 0; });
}

}  // namespace sluice::kvp
