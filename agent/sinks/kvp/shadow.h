// A copy of every record we own in the pool, in a memory-mapped file that outlives a kill of the
// agent but not the boot, as the pool's content should not either.
//
// File: a header (magic, boot id, sequence, what was given up, forgotten keys), then kCells cells,
// each one record and where it is going. Nothing is synced; each store is in the page cache once it
// is made, and a cell counts only once its sequence is set, which is its last store.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/kvp/slot.h"

namespace sluice::kvp {

// FNV-1a; the same in every process.
uint64_t KeyHash(std::string_view key);

struct ShadowCell {
  // Number of the entry the record belongs to, larger is younger; 0: the cell is free.
  uint64_t sequence;
  // An overwrite of the record at `offset` has begun and is not known to be complete. The record
  // there was chunk `replaced_chunk` of entry `replaced_sequence`, which is no longer ours.
  uint64_t overwriting;
  uint64_t offset;
  uint64_t replaced_sequence;
  uint64_t replaced_key_hash;
  uint32_t replaced_chunk;
  uint32_t chunk;
  uint32_t uid;
  uint8_t level;   // sluice::Level
  uint8_t pinned;  // never given up
  char record[kRecordBytes];
  // The record is known to have been in the file.
  uint8_t stood;

  std::string_view bytes() const { return {record, sizeof record}; }
  Pair text() const { return DecodeRecord(bytes()); }
};

// What the budget cost since the boot, in records.
struct GivenUp {
  uint64_t dropped = 0;      // newcomers that found no slot
  uint64_t overwritten = 0;  // older records whose slot a newcomer took
  uint64_t trimmed = 0;      // chunks of longer values that were cut to make room

  uint64_t total() const { return dropped + overwritten + trimmed; }
  bool operator==(const GivenUp&) const = default;
};

class Shadow {
 public:
  // 900 of the budget, some pinned ones, and a batch on its way in.
  static constexpr size_t kCells = 1152;
  static constexpr size_t kForgottenKeys = 4096;

  // Maps `path`, creating it or, if it is of another boot or malformed, emptying it. Its space is
  // taken at once, so that a full file system shows here and not as a signal at a store.
  static absl::StatusOr<Shadow> Open(const std::string& path, std::string_view boot_id);

  Shadow(Shadow&& other) noexcept;
  Shadow& operator=(Shadow&&) = delete;
  ~Shadow();

  std::span<ShadowCell, kCells> cells() const;

  // Fills the free cell `index`.
  void Put(size_t index, const ShadowCell& cell);
  void Free(size_t index);
  // From here on `index` is on its way to `offset`, and the record that was there is not ours.
  void BeginOverwrite(size_t index, uint64_t offset, const ShadowCell& replaced);
  // It has arrived there.
  void EndOverwrite(size_t index);
  // It is on its way to nowhere.
  void CancelOverwrite(size_t index);

  uint64_t NextSequence();

  // What a replay must not write again, keys that root removed above all; the last kForgottenKeys
  // of them are known, each once.
  void Forget(std::string_view key);
  bool IsForgotten(std::string_view key) const;

  GivenUp& given_up();
  const GivenUp& given_up() const;

 private:
  struct Header;

  explicit Shadow(void* memory) : memory_(memory) {}
  Header& header() const;

  void* memory_;
};

}  // namespace sluice::kvp
