#include "agent/ingest/disk_gate.h"

namespace sluice::ingest {

bool DiskGate::Holds(uid_t uid) {
  if (uid != 0 && journal_->IsMakingRoom()) return true;
  const journal::UnsyncedShare::Bytes unsynced = journal_->GetUnsynced(uid);
  const uint64_t all = uid == 0 ? unsynced.of_uid : unsynced.of_users;
  return unsynced.of_uid > 0 && unsynced.of_uid + all >= limit_bytes_;
}

}  // namespace sluice::ingest
