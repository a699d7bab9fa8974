// Holds those back who hand in more than the disk takes.
#pragma once

#include "agent/journal/journal.h"
#include "agent/net/flow_gate.h"

namespace sluice::ingest {

// The journal refuses batches, and so ends streams, once too much waits for the disk. Long before
// that a user is held whose own part of it is as large as what all of them leave of the limit: one
// alone gets half of it, of n each 1/(n + 1), and who comes later finds room. Root is held for its
// own part alone. While a full journal makes room, all but root are held. Where the disk refuses,
// nobody is held: the journal says why.
class DiskGate final : public net::FlowGate {
 public:
  // Half of what the journal lets wait.
  static constexpr uint64_t kLimitBytes = 16 * 1024 * 1024;

  // Outlives the gate.
  explicit DiskGate(journal::Journal* journal, uint64_t limit_bytes = kLimitBytes)
      : journal_(journal), limit_bytes_(limit_bytes) {}

  // Asked again after each sync.
  bool Holds(uid_t uid) override;

 private:
  journal::Journal* const journal_;
  const uint64_t limit_bytes_;
};

}  // namespace sluice::ingest
