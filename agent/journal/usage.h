// What a journal holds and where, for status.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::journal {

enum class Durability {
  kSynced,  // on disk: survives a power cut
  kMemory,  // in Options::memory_directory, since the directory was not writable at start
};

struct Usage {
  std::string path;
  Durability durability = Durability::kSynced;
  uint64_t first_sequence = 0;   // oldest held; next_sequence when there is none
  uint64_t next_sequence = 0;    // the next to be given
  uint64_t synced_sequence = 0;  // every entry up to here is durable
  uint64_t bytes = 0;
  uint64_t max_bytes = 0;
  uint32_t segments = 0;
  std::string error;  // empty: the disk takes what is written
  // Directories of journals in the format of another release, oldest name first.
  std::vector<std::string> set_aside;
};

}  // namespace sluice::journal
