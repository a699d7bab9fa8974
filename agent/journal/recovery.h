// Finds out what a journal holds when an agent starts: reads the newest segments as far back as the
// last whole checkpoint, cuts what was never synced, and leaves the rest unread.
//
// Entries known to be synced that are damaged are skipped and counted. Behind that point the first
// gap ends the journal: a write after it may have reached the disk before the one that is missing,
// and what a client sent first must not be missing when what it sent next is there.
//
// What is found there can be read, which does not say that it is on disk: its sync may have failed
// before the restart, and succeeds without it afterwards. So it is written once more, to a file of
// its own, before anybody counts on it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/journal/checkpoint.h"
#include "agent/journal/journal.h"
#include "agent/journal/shared_state.h"

namespace sluice::journal {

struct Recovered {
  uint64_t last_sequence = 0;
  // Some entry says that all up to here is synced.
  uint64_t known_synced = 0;
  JournalCheckpoint checkpoint;  // cursors and what every segment takes
};

// `segments` are paths by first sequence. Adds those that are left to `shared`, whose epoch stands
// in for headers that are damaged. Visits the checkpoint and every entry after it. Everything up to
// the result's last_sequence is durable then: proven so by a later entry, or written again to
// `directory`. Only what lies there is cut or removed. Nothing was visited when it fails.
absl::StatusOr<Recovered> Recover(const std::map<uint64_t, std::string>& segments,
                                  const std::string& directory, uint64_t now_unix_nano,
                                  SharedState* shared, RecoveryVisitor* visitor);

// The same for looking: no file is changed, and what may not be durable is read as it is.
absl::StatusOr<Recovered> RecoverForReading(const std::map<uint64_t, std::string>& segments,
                                            uint64_t now_unix_nano, SharedState* shared,
                                            RecoveryVisitor* visitor);

}  // namespace sluice::journal
