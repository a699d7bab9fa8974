// The sinks' cursors from batch to batch, on a file system that lives as long as the boot: after a
// killed agent, a sink repeats at most the batch it was writing.
//
//   file := slot[16]; slot := copy[2]; copy := sink[44] zero:u32 sequence:u64 crc:u32 zero:u32
//
// Numbers little endian, names NUL-padded. A slot's copies are written in turn, each with one
// write; the larger sequence of those whose crc is right counts. The crc goes on from the CRC of
// epoch and boot id, so that cursors of another journal or boot read as none.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/file_system.h"

namespace sluice::journal {

// Slots may be stored by different threads at the same time, each slot by one thread.
class CursorFile {
 public:
  static constexpr int kNoSlot = -1;

  // `seed` is the CRC of what the cursors belong to. Makes the file when there is none.
  static absl::StatusOr<std::unique_ptr<CursorFile>> Open(FileSystem& fs, const std::string& path,
                                                          uint32_t seed);

  // As they were when the file was opened, by sink.
  const std::map<std::string, uint64_t>& cursors() const { return cursors_; }

  // The slot of `sink`, a free one when it has none; kNoSlot: all are taken. Not thread-safe.
  int SlotOf(std::string_view sink);

  absl::Status Store(int slot, uint64_t sequence);

 private:
  static constexpr int kSlots = 16;
  static constexpr size_t kNameBytes = 44;
  static constexpr size_t kCopyBytes = 64;

  struct Slot {
    std::string sink;  // empty: free
    bool second_next = false;
  };

  CursorFile(FileSystem& fs, UniqueFd fd, uint32_t seed)
      : fs_(fs), fd_(std::move(fd)), seed_(seed) {}
  absl::Status ReadSlots();
  void ReadCopy(Slot* slot, std::string_view copy, bool is_second);
  std::string EncodeCopy(std::string_view sink, uint64_t sequence) const;

  FileSystem& fs_;
  const UniqueFd fd_;
  const uint32_t seed_;
  std::array<Slot, kSlots> slots_;
  std::map<std::string, uint64_t> cursors_;
};

}  // namespace sluice::journal
