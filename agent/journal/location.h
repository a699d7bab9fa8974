// Where a journal lives: on disk, or in memory while the disk cannot be written.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/journal/directory.h"
#include "agent/journal/options.h"

namespace sluice::journal {

struct Location {
  // Where segments are written.
  Directory active;
  // Options::directory while `active` is the memory directory, where it could be opened for
  // reading.
  std::optional<Directory> read_only;
  bool in_memory = false;
  // Paths by first sequence, in both.
  std::map<uint64_t, std::string> segments;
  // Of the newest segment, or a new one.
  Epoch epoch;
};

// Takes hold of the directories. A journal of another vm or machine, or of another format version,
// is set aside where that is possible and left alone where it is not. What an earlier run left in
// the memory directory is taken to disk.
absl::StatusOr<Location> ChooseLocation(const Options& options);

// The journal in Options::directory as it lies there, whoever wrote it; nothing is taken hold of.
// NOT_FOUND: none lies there. FAILED_PRECONDITION: another release wrote it.
absl::StatusOr<Location> LocationForReading(const Options& options);

// Where a disk that could be written at first fails after all, because of `why`: the memory
// directory, with `failed.active` as what can be read. Without one, `why` is the result.
absl::StatusOr<Location> FallBackToMemory(const Options& options, Location failed,
                                          const absl::Status& why);

// Sets aside what `disk` holds unless it is of `epoch`.
absl::Status SetAsideOthers(const Options& options, const Directory& disk, const Epoch& epoch);

}  // namespace sluice::journal
