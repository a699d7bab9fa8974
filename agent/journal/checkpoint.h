// The journal's own part of a checkpoint: the sinks' cursors, and what the earlier segments take.
// The rest (clients, open spans, counters) is the caller's and passes through unread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace sluice::journal {

// sluice.disk.v1.SegmentUsage.
struct SegmentUsage {
  uint64_t bytes = 0;
  uint64_t newest_unix_nano = 0;
  std::map<uid_t, uint64_t> bytes_by_uid;
  bool partial = false;
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
