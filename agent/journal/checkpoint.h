// The journal's own part of a checkpoint: the sinks' cursors, and what the earlier segments take.
// The rest (clients, open spans, counters) is the caller's and passes through unread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace sluice::journal {

// Whether a segment holds what was kept of several, and may take more of that.
enum class SparseUse { kNone, kClosed, kGrows };

// sluice.disk.v1.SegmentUsage.
struct SegmentUsage {
  uint64_t bytes = 0;
  uint64_t newest_unix_nano = 0;
  std::map<uid_t, uint64_t> bytes_by_uid;  // those of users, as UserOf says
  bool partial = false;
  // Of a sparse segment, whose file grows and is replaced after this was written down.
  uint32_t generation = 0;
  // One past its last entry; 0: the next segment's first.
  uint64_t end_sequence = 0;
  // Not written down: the file says so itself.
  SparseUse sparse = SparseUse::kNone;
  uint64_t known_synced = 0;  // as its opening says
};

struct JournalCheckpoint {
  std::map<std::string, uint64_t> cursors;    // by sink
  std::map<uint64_t, SegmentUsage> segments;  // by first sequence
};

// Fields of a sluice.disk.v1.Checkpoint; the caller's encoded fields may follow.
std::string EncodeCheckpoint(const JournalCheckpoint& checkpoint);
// Reads as far as the bytes are sound.
JournalCheckpoint DecodeCheckpoint(std::string_view encoded);

}  // namespace sluice::journal
