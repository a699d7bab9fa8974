// The account of our records: what OwnRecords decides with and what the shadow keeps, changed
// together.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/sinks/kvp/own_records.h"
#include "agent/sinks/kvp/shadow.h"

namespace sluice::kvp {

// One event or span on its way into the pool.
struct PoolEntry {
  // One record or several under one key, as AppendRecords() makes them. No other entry has the key:
  // it ends in a UUID derived from the journal position, so that a replay is recognized.
  std::string records;
  Level level = Level::kInfo;
  uid_t uid = 0;
};

class Ledger {
 public:
  // Longer entries lose what is beyond.
  static constexpr size_t kMostChunks = 128;

  // With what a predecessor of this boot left in the shadow: its records have no place until they
  // are found, but for those whose overwriting was cut short.
  explicit Ledger(Shadow shadow);

  OwnRecords& own() { return own_; }
  const OwnRecords& own() const { return own_; }
  Shadow& shadow() { return shadow_; }
  const Shadow& shadow() const { return shadow_; }
  // Entries with a record that has no place, or with places out of order; oldest first. Lose() puts
  // one in, and Remove() takes it out; the rest is the caller's.
  std::set<uint64_t>& missing() { return missing_; }
  const ShadowCell& cell(const OwnSlot& slot) const { return shadow_.cells()[slot.cell]; }

  // Takes an entry in, without a place. The shadow has a free cell for each of its records.
  OwnEntry& Register(const PoolEntry& entry, bool pinned);
  void Remove(OwnEntry& entry);
  // Cuts the entry to its first `count` records.
  void Trim(OwnEntry& entry, size_t count);

  // Gives the last record of `victim`, and its place, to `chunk` of `newcomer`. The new record is
  // on its way there until EndOverwrite(). `victim` is gone if that was its only record.
  void TakeOver(OwnEntry& newcomer, size_t chunk, OwnEntry& victim);
  // `chunk` is about to be written to `offset`, where nothing of anybody's is yet.
  void BeginAppend(OwnEntry& entry, size_t chunk, uint64_t offset);
  // `chunk` is about to be written over another record of the same entry, or over a torn one.
  void BeginRewrite(const OwnEntry& entry, size_t chunk, uint64_t offset);
  void EndOverwrite(const OwnEntry& entry, size_t chunk);
  // The chunk has no place.
  void Lose(OwnEntry& entry, size_t chunk);
  // Whether any of it is known to have been in the file.
  bool HasStood(const OwnEntry& entry) const;

 private:
  void Load();

  Shadow shadow_;
  OwnRecords own_;
  std::set<uint64_t> missing_;
  std::vector<size_t> free_cells_;
};

}  // namespace sluice::kvp
