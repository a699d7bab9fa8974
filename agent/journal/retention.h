// Decides what the journal holds: counts what each segment and each user takes, makes room, and
// lets go what is consumed or too old.
//
// The newest whole checkpoint known to be synced stays, whatever the limits say: without it a
// restart would know neither clients nor spans.
//
// When an entry does not fit, in this order: consumed segments go; a user other than root above its
// share is refused; the oldest segment goes with what the sinks have not read, counted by sink, uid
// and reason in `journal.dropped` (records).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "agent/base/clock.h"
#include "agent/journal/checkpoint.h"
#include "agent/journal/shared_state.h"

namespace sluice::journal {

// Owned by the ingest thread.
class Retention {
 public:
  struct Limits {
    uint64_t max_bytes = 0;
    uint64_t keep_bytes = 0;
    uint64_t share_bytes = 0;   // of one user other than root
    uint64_t others_bytes = 0;  // of all users other than root
    uint64_t max_age_nano = 0;
  };

  Retention(std::shared_ptr<SharedState> shared, const Clock* clock, Limits limits);

  // A segment that was there.
  void AddSegment(uint64_t first_sequence, SegmentUsage usage);
  // One that is being written: all entries from its first on are in it, and no longer in the
  // segments where they were.
  void BeginSegment(uint64_t first_sequence, uint64_t opening_bytes, bool partial);
  void SetLimits(Limits limits) { limits_ = limits; }

  // Room for `bytes` more of `uid`, or RESOURCE_EXHAUSTED.
  absl::Status MakeRoom(uid_t uid, uint64_t bytes);
  // Adds an entry to what the segment being written takes.
  void Charge(uint64_t sequence, uid_t uid, uint64_t bytes);
  // Entries up to `sequence` stay where they are.
  void Settle(uint64_t sequence);
  // Its newest entry is of now.
  void StampCurrent();

  // Lets go what is too old, and what is consumed beyond keep_bytes.
  void Trim();
  // Whether no later segment has a whole checkpoint, synced or not.
  bool RestsOnOldest() const;

  const std::map<uint64_t, SegmentUsage>& segments() const { return segments_; }
  uint64_t bytes() const { return bytes_; }

 private:
  using Iterator = std::map<uint64_t, SegmentUsage>::iterator;
  using ConstIterator = std::map<uint64_t, SegmentUsage>::const_iterator;

  // An entry that may have to be written again, and the first sequence of the segment charged.
  struct Unsettled {
    uint64_t sequence = 0;
    uint64_t segment = 0;
    uid_t uid = 0;
    uint64_t bytes = 0;
  };

  bool Fits(uid_t uid, uint64_t bytes) const;
  bool HasSealed() const { return segments_.size() > 1; }
  // The first segment after the oldest from which a restart could go on; end(): none.
  ConstIterator Successor() const;
  bool MayRemoveOldest() const { return Successor() != segments_.end(); }
  // Whether every sink is past the oldest segment, and past those that need it to make sense.
  bool IsOldestConsumed() const;
  uint64_t ConsumedBytes() const;
  uint64_t LowestCursor() const;
  // False: the file could not be removed.
  bool RemoveOldest(const char* reason);
  void Move(Unsettled* entry, uint64_t to_segment);
  void Add(const SegmentUsage& usage);
  void Subtract(const SegmentUsage& usage);

  const std::shared_ptr<SharedState> shared_;
  const Clock* const clock_;
  Limits limits_;
  std::map<uint64_t, SegmentUsage> segments_;
  std::deque<Unsettled> unsettled_;  // in order
  // Sums over segments_.
  uint64_t bytes_ = 0;
  uint64_t others_bytes_ = 0;
  std::map<uid_t, uint64_t> bytes_by_uid_;
};

}  // namespace sluice::journal
