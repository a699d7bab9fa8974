// Whose the bytes are that wait for the disk.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>

#include "agent/base/user_of.h"

namespace sluice::journal {

// Belongs to the ingest thread.
class UnsyncedShare {
 public:
  struct Bytes {
    uint64_t of_uid = 0;
    uint64_t of_users = 0;  // of all but root
  };

  // An entry was appended. Sequence numbers rise.
  void Add(uint64_t sequence, uid_t uid, uint64_t bytes);
  // Every entry up to `sequence` is durable.
  void Settle(uint64_t sequence);
  Bytes Of(uid_t uid) const;

 private:
  // Neighbours of one uid.
  struct Run {
    uint64_t last_sequence;
    uid_t uid;
    uint64_t bytes;
  };
  // A run is settled as a whole, and so is not much longer than what one sync takes.
  static constexpr uint64_t kRunBytes = 256 * 1024;

  std::deque<Run> runs_;
  ByUser<uint64_t> by_uid_;
  uint64_t of_users_ = 0;
};

}  // namespace sluice::journal
