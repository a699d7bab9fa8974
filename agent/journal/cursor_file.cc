#include "agent/journal/cursor_file.h"

#include <fcntl.h>

#include <cstring>
#include <utility>

#include "agent/base/crc32c.h"
#include "agent/base/status_macros.h"

namespace sluice::journal {
namespace {

constexpr size_t kSequenceAt = 48;
constexpr size_t kCrcAt = 56;

}  // namespace

absl::StatusOr<std::unique_ptr<CursorFile>> CursorFile::Open(FileSystem& fs,
                                                             const std::string& path,
                                                             uint32_t seed) {
  absl::StatusOr<UniqueFd> fd = OpenFile(fs, path, O_RDWR | O_CREAT);
  if (!fd.ok()) return fd.status();
  std::unique_ptr<CursorFile> file(new CursorFile(fs, *std::move(fd), seed));
  RETURN_IF_ERROR(Annotate(file->ReadSlots(), path));
  return file;
}

absl::Status CursorFile::ReadSlots() {
  std::string bytes(kSlots * 2 * kCopyBytes, '\0');
  const absl::StatusOr<size_t> got = ReadAt(fs_, fd_.get(), bytes.data(), bytes.size(), 0);
  if (!got.ok()) return got.status();
  for (size_t i = 0; i < 2 * kSlots; ++i) {
    const std::string_view copy = std::string_view(bytes).substr(i * kCopyBytes, kCopyBytes);
    ReadCopy(&slots_[i / 2], copy, i % 2 != 0);
  }
  return absl::OkStatus();
}

void CursorFile::ReadCopy(Slot* slot, std::string_view copy, bool is_second) {
  uint32_t crc;
  uint64_t sequence;
  std::memcpy(&crc, copy.data() + kCrcAt, sizeof(crc));
  std::memcpy(&sequence, copy.data() + kSequenceAt, sizeof(sequence));
  if (crc != Crc32c(copy.substr(0, kCrcAt), seed_)) return;
  slot->sink = std::string(copy.substr(0, copy.substr(0, kNameBytes).find('\0')));
  const auto [found, is_new] = cursors_.try_emplace(slot->sink, sequence);
  if (is_new || found->second < sequence) {
    found->second = sequence;
    slot->second_next = !is_second;
  }
}

int CursorFile::SlotOf(std::string_view sink) {
  sink = sink.substr(0, kNameBytes - 1);
  int free_slot = kNoSlot;
  for (int i = kSlots - 1; i >= 0; --i) {
    if (slots_[i].sink == sink) return i;
    if (slots_[i].sink.empty()) free_slot = i;
  }
  if (free_slot != kNoSlot) slots_[free_slot].sink = std::string(sink);
  return free_slot;
}

absl::Status CursorFile::Store(int slot, uint64_t sequence) {
  Slot& target = slots_[slot];
  const uint64_t copy_index = 2 * static_cast<uint64_t>(slot) + (target.second_next ? 1 : 0);
  const std::string copy = EncodeCopy(target.sink, sequence);
  RETURN_IF_ERROR(
      Annotate(WriteAll(fs_, fd_.get(), copy, copy_index * kCopyBytes), "store a cursor"));
  target.second_next = !target.second_next;
  return absl::OkStatus();
}

std::string CursorFile::EncodeCopy(std::string_view sink, uint64_t sequence) const {
  std::string copy(kCopyBytes, '\0');
  std::memcpy(copy.data(), sink.data(), sink.size());
  std::memcpy(copy.data() + kSequenceAt, &sequence, sizeof(sequence));
  const uint32_t crc = Crc32c(std::string_view(copy).substr(0, kCrcAt), seed_);
  std::memcpy(copy.data() + kCrcAt, &crc, sizeof(crc));
  return copy;
}

}  // namespace sluice::journal
