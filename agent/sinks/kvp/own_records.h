// What we own in the pool: entries of one or more records with their places, by age, urgency and
// uid; and the choice of what gives way when the budget is used up. No files here.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proto/record/view.h"

namespace sluice::kvp {

// How many records may be ours beside `foreign` others: together at most 1000, since each request
// of the host costs the daemon a read of the whole file, but never fewer than 64 nor more than 900.
uint64_t OwnBudget(uint64_t foreign);

struct OwnSlot {
  // Not in the file yet, as far as we know.
  static constexpr uint64_t kNew = UINT64_MAX;
  // Was in the file and is not where it was.
  static constexpr uint64_t kLost = UINT64_MAX - 1;

  size_t cell = 0;  // in the shadow
  uint64_t offset = kNew;

  bool placed() const { return offset < kLost; }
};

struct OwnEntry {
  uint64_t sequence = 0;
  std::string key;
  Level level = Level::kInfo;
  uid_t uid = 0;
  bool pinned = false;
  std::vector<OwnSlot> slots;  // one a chunk, in order

  size_t placed() const;
  // Of one whose records all have places: their order in the file is that of the text.
  bool InOrder() const;
};

// One record of an entry.
struct OwnPlace {
  OwnEntry* entry;
  size_t chunk;

  uint64_t offset() const { return entry->slots[chunk].offset; }
  bool IsLastChunk() const { return chunk + 1 == entry->slots.size(); }
};

class OwnRecords {
 public:
  // `entry.sequence` is the largest so far, or larger than some at load; its key is new.
  void Add(OwnEntry entry);
  void Remove(uint64_t sequence);
  // Gives a slot a place or takes it away.
  void Place(OwnEntry& entry, size_t chunk, uint64_t offset);
  // Takes the last slot off an entry that has more than one.
  void DropLastSlot(OwnEntry& entry);

  OwnEntry* Find(uint64_t sequence);
  OwnEntry* FindKey(std::string_view key);
  bool Has(std::string_view key) const;
  // Oldest first.
  std::map<uint64_t, OwnEntry>& entries() { return entries_; }

  // Records with a place.
  uint64_t placed() const { return placed_; }
  uint64_t placed_of(uid_t uid) const;
  const std::map<uid_t, uint64_t>& placed_by_uid() const { return placed_by_uid_; }

  // Whether `count` more records of `uid` fit in the budget and the uid's share of it.
  bool HasRoom(size_t count, uid_t uid, uint64_t budget) const;

  // The entry whose last slot goes to `newcomer`, which has no room: the least urgent and then the
  // oldest of those that come before it in this order and that its share lets it displace. Null:
  // there is none.
  OwnEntry* Victim(const OwnEntry& newcomer, uint64_t budget);

  // `count` slots adjacent in the file that may all go to `newcomer`, first to last: whole entries,
  // except that the first may be the tail of one. Of several the one whose most urgent, then
  // youngest, entry is least so. Empty: there is none.
  std::vector<OwnPlace> VictimRun(const OwnEntry& newcomer, size_t count, uint64_t budget);

 private:
  // Least urgent first, then oldest.
  using Rank = std::pair<int, uint64_t>;
  static Rank RankOf(const OwnEntry& entry);
  // Whether one more record of `newcomer`, up to `count`, may take a slot of `victim`.
  bool MayDisplace(const OwnEntry& newcomer, const OwnEntry& victim, size_t count,
                   uint64_t budget) const;
  uint64_t placed_unprivileged() const { return placed_ - placed_of(0); }

  std::map<uint64_t, OwnEntry> entries_;
  std::unordered_map<std::string, uint64_t> by_key_;
  std::map<Rank, OwnEntry*> displaceable_;  // entries that are not pinned
  std::map<uid_t, uint64_t> placed_by_uid_;
  uint64_t placed_ = 0;
};

}  // namespace sluice::kvp
