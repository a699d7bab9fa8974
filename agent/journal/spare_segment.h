// The file of a segment that was let go, kept for the next segment: to write over a file whose
// blocks are allocated and whose pages are in memory costs half of what a new file costs, and its
// sync writes no metadata.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agent/base/clock.h"
#include "agent/journal/shared_state.h"

namespace sluice::journal {

// Owned by the ingest thread. Holds one file at most, which has a name of its own and goes with
// this.
//
// It is written over only when
// * nobody in this process can read it any more: some read a place twice and check it once;
// * it is durable that its name is gone: else a power cut could bring back a segment of which a
//   part was written over;
// * its last entry is less than a minute old: what is no longer in memory would be read first, page
//   by page, and who writes little gains nothing.
class SpareSegment {
 public:
  SpareSegment(std::shared_ptr<SharedState> shared, const Clock* clock);
  ~SpareSegment();

  // Takes the file of a segment that is gone off its name. False: the file is as it was.
  bool Keep(SharedState::SegmentPtr segment, uint64_t bytes, uint64_t written_unix_nano);
  // The path of a file that may be written over; empty: none. The caller has it then, or leaves it
  // to be replaced by the next one.
  std::string Take();
  void Drop();
  // What it takes of the disk.
  uint64_t bytes() const { return bytes_; }

 private:
  bool IsFresh(uint64_t written_unix_nano) const;

  const std::shared_ptr<SharedState> shared_;
  const Clock* const clock_;
  SharedState::SegmentPtr segment_;  // null: there is none
  std::string path_;
  uint64_t bytes_ = 0;
  uint64_t written_unix_nano_ = 0;
  uint64_t name_change_ = 0;  // the one that took it off its name
};

}  // namespace sluice::journal
