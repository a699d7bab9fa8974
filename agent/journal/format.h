// The bytes of a segment file. All numbers are little endian.
//
//   segment  := header entry*                 ; file FIRST_SEQUENCE.seg, 20 decimal digits
//   header   := magic[8] version:u32 header_bytes:u32 epoch[16] boot_id[40] vm_id[40]
//               machine_id[40] created_unix_nano:u64 first_sequence:u64 generation:u32 kind:u32
//               crc:u32                                           ; ids are NUL-padded text
//   kind     := bit 0: sparse, numbers are missing on purpose
//   entry    := crc:u32 payload_bytes:u32 sequence:u64 uid:u32 generation:u32 type:u8 flags:u8
//               unsynced_before:u16 payload[payload_bytes]
//   type     := 1 batch: payload is a sluice.disk.v1.JournalBatch, sequence is its own number
//             | 2 checkpoint: payload is a sluice.disk.v1.Checkpoint, sequence is the next batch's
//             number
//
// The header's crc covers what is before it. An entry's covers all after it, and goes on from the
// CRC of the epoch: a sender does not know the epoch, so no bytes that it sends can pass for an
// entry when a reader searches for the next one behind damage.
//
// Of every version to come magic, version, header_bytes and the crc at the header's end stay where
// they are, so that each release can tell a journal of another from damage.
//
// The generation is random, made with the segment. Entries have it too: what an earlier life left
// in a file that is used again is told from what belongs to it, also where the header is damaged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "proto/trace/ids.h"

namespace sluice::journal {

using Epoch = Id<16>;

inline constexpr uint32_t kFormatVersion = 2;
inline constexpr size_t kSegmentHeaderBytes = 180;
inline constexpr size_t kIdTextBytes = 40;
inline constexpr size_t kFrameHeaderBytes = 28;
// Of the payload's length and of the generation in a frame.
inline constexpr size_t kPayloadBytesAt = 4;
inline constexpr size_t kGenerationAt = 20;

// One entry's payload: a batch at its limit, its head and what repairs add.
inline constexpr size_t kMaxBatchPayloadBytes = 8 * 1024 * 1024;
inline constexpr size_t kMaxCheckpointPayloadBytes = 64 * 1024 * 1024;

// Bit of a segment's kind: it holds what was kept of several, and missing numbers are no damage.
inline constexpr uint32_t kSparse = 1;

struct SegmentHeader {
  Epoch epoch;
  std::string boot_id;
  std::string vm_id;
  std::string machine_id;
  uint64_t created_unix_nano = 0;
  uint64_t first_sequence = 0;
  uint32_t generation = 0;
  uint32_t kind = 0;
};

// Ids longer than kIdTextBytes - 1 are cut.
std::string EncodeSegmentHeader(const SegmentHeader& header);
// nullopt: not a header of this version.
std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view bytes);
// The version of a sound header that is not of this one; 0: it is, or damaged. Headers are at most
// kMaxHeaderBytes long.
uint32_t ForeignVersion(std::string_view bytes);
inline constexpr size_t kMaxHeaderBytes = 4096;

enum class EntryType : uint8_t { kBatch = 1, kCheckpoint = 2 };

// Flag of a checkpoint that states cursors only; the rest of the state is that of the checkpoint
// before and the entries since.
inline constexpr uint8_t kPartialCheckpoint = 1;

// unsynced_before's largest value: that many or more.
inline constexpr uint16_t kManyUnsynced = 0xffff;

struct FrameHeader {
  uint32_t crc = 0;
  uint32_t payload_bytes = 0;
  uint64_t sequence = 0;
  uint32_t uid = 0;
  uint32_t generation = 0;
  EntryType type = EntryType::kBatch;
  uint8_t flags = 0;
  // How many entries right before this one were not synced when it was written: damage further back
  // is damage, damage within may be a write that a power cut left undone.
  uint16_t unsynced_before = 0;

  size_t frame_bytes() const { return kFrameHeaderBytes + payload_bytes; }
  // Every entry up to the result was synced when this one was written; 0: not known.
  uint64_t known_synced() const {
    return unsynced_before == kManyUnsynced ? 0 : sequence - 1 - unsynced_before;
  }
};

// From at least kFrameHeaderBytes bytes; nothing is checked.
FrameHeader DecodeFrameHeader(const char* bytes);
// Whether type, length and numbers are such as a journal writes.
bool IsPlausible(const FrameHeader& header);

// What an entry's crc goes on from.
uint32_t FrameSeed(const Epoch& epoch);
// Of a whole frame, its own first four bytes left out.
uint32_t FrameCrc(uint32_t seed, std::string_view frame);

// Appends a whole frame; `header.crc` and `header.payload_bytes` are worked out.
void AppendFrame(FrameHeader header, absl::Span<const std::string_view> payload, uint32_t seed,
                 std::string* out);

uint32_t MakeGeneration();
// Has all of the whole frames in `frames` be of that generation.
void Restamp(uint32_t generation, uint32_t seed, std::string* frames);

std::string SegmentName(uint64_t first_sequence);
// nullopt: not the name of a segment.
std::optional<uint64_t> ParseSegmentName(std::string_view name);

}  // namespace sluice::journal
