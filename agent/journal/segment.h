// One segment as writer and readers share it: where it lies and how far it may be read.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

namespace sluice::journal {

// Thread-safe: the writer alone stores, each with release, after the bytes are in the file.
struct Segment {
  Segment(uint64_t first, std::string file_path)
      : first_sequence(first), path(std::move(file_path)) {}

  const uint64_t first_sequence;
  const std::string path;
  // Readable bytes.
  std::atomic<uint64_t> end_offset{0};
  // One past the last entry that counts; what lies behind belongs to the next segment.
  std::atomic<uint64_t> end_sequence{UINT64_MAX};
  // What is missing before that and behind this is in segments that were removed. Set before
  // anybody else knows of the segment.
  uint64_t removed_from = UINT64_MAX;
  // Nothing will be appended any more.
  std::atomic<bool> sealed{false};
  // Its name and opening are synced, and all before it: a restart can go on from its checkpoint.
  std::atomic<bool> durable{false};
  // Removed or replaced: who reads it goes on elsewhere.
  std::atomic<bool> gone{false};
};

}  // namespace sluice::journal
