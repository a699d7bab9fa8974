// Finds out where our records are in the pool, before anything is written there.
//
// Problem: other programs move records up, overwrite and remove them, and one of our own writes may
// have been cut short. So each place in the ledger is compared with the shadow. A record that was
// torn is written again, as is one whose value another program replaced; a pinned one whose value
// was replaced is that program's from then on. What is not at its place is searched for in the
// whole file; what the search does not find is lost, and in Ledger::missing().
//
// Invariant: places are right after a Locate() that returned OK, until SetUncertain() or until
// others write, which the session tells. An error leaves them uncertain.
//
// One thread owns the object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/self/counters.h"
#include "agent/sinks/kvp/ledger.h"
#include "agent/sinks/kvp/pool_file.h"

namespace sluice::kvp {

class PoolLocator {
 public:
  // Both outlive it. `counters` gets `kvp.superseded`; null: nothing is counted.
  PoolLocator(Ledger* ledger, Counters* counters) : ledger_(*ledger), counters_(counters) {}

  absl::Status Locate(PoolFile::Session& session);

  // The places may be wrong though nobody else wrote.
  bool uncertain() const { return uncertain_; }
  void SetUncertain() { uncertain_ = true; }
  // What seems to be in the file may not be on the disk: the next Locate() writes all of it anew.
  void RewriteAll() { rewrite_all_ = uncertain_ = true; }

  // Writes the record that belongs at `offset` over what stands there of the same entry.
  absl::Status Rewrite(PoolFile::Session& session, OwnEntry& entry, size_t chunk, uint64_t offset);

  // Where a record of zeros stands between others, which the caller then fills. nullopt: the last
  // search saw no more of them.
  absl::StatusOr<std::optional<uint64_t>> TakeHole(PoolFile::Session& session);

  // Whether the key was in the file when we came, and not in the shadow: with that lost, such a
  // record may be ours.
  bool WasThere(std::string_view key) const;
  // All of those were removed.
  void ForgetWhatWasThere() { found_keys_.clear(); }

 private:
  absl::Status CheckPlaces(PoolFile::Session& session);
  absl::Status CheckPlace(PoolFile::Session& session, const OwnPlace& place,
                          std::string_view record);
  absl::Status Search(PoolFile::Session& session);
  void Recognize(std::string_view record, uint64_t offset);
  void Supersede(OwnEntry& entry);

  Ledger& ledger_;
  Counters* const counters_;
  // Hashes.
  std::unordered_set<uint64_t> found_keys_;
  // Where the last search found records of zeros between others.
  std::vector<uint64_t> holes_;
  // Pinned entries whose key the last search found with another text.
  std::vector<uint64_t> rivalled_;
  bool searched_ = false;
  bool uncertain_ = true;
  bool rewrite_all_ = false;
};

}  // namespace sluice::kvp
