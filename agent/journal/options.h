// How a journal is kept: where, how large, how long, how soon it is synced.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "agent/base/clock.h"
#include "agent/base/file_system.h"
#include "agent/self/counters.h"

namespace sluice::journal {

struct Options {
  std::string directory;
  // Used when `directory` is not writable at Open. Empty: Open fails then.
  std::string memory_directory;
  // Where the readers' cursors are kept from batch to batch, on a file system that does not outlive
  // the boot. Empty: they are kept in checkpoints alone.
  std::string cursor_path;

  // At most a tenth of the file system is used, whatever is given here.
  uint64_t max_bytes = 256ull << 20;
  // Of `memory_directory`.
  uint64_t max_memory_bytes = 16ull << 20;
  // What all sinks are done with is kept up to here, for looking back.
  uint64_t keep_bytes = 64ull << 20;
  std::chrono::seconds max_age = std::chrono::hours(24 * 7);
  uint64_t segment_bytes = 8ull << 20;
  // When full, a user other than root that holds more than this part of max_bytes is refused.
  double uid_share = 0.25;
  // Part of max_bytes that only root may fill.
  double root_reserve = 0.25;

  std::chrono::milliseconds group_delay{20};
  uint64_t group_bytes = 1 << 20;
  // What is shorter is copied rather than borrowed: to write it from where it stands costs more.
  size_t least_lent_bytes = 4096;
  // Appended and not synced yet, held in memory. Beyond it Append refuses.
  uint64_t max_unsynced_bytes = 32ull << 20;
  // Between attempts to write while the disk refuses.
  std::chrono::milliseconds retry_delay{500};

  // Text, at most 39 bytes each. A journal whose vm or machine id is another's is set aside; an
  // empty id is not compared.
  std::string boot_id;
  std::string vm_id;
  std::string machine_id;

  // Must outlive the journal and its readers.
  FileSystem* file_system = &FileSystem::System();
  const Clock* clock = &Clock::System();
  Counters* counters = nullptr;
};

}  // namespace sluice::journal
