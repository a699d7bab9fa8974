#include "agent/journal/segment_reader.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "agent/base/crc32c.h"
#include "agent/base/status_macros.h"

namespace sluice::journal {
namespace {

constexpr uint64_t kWindowBytes = ReadWindow::kUsualBytes;
constexpr uint64_t kPageBytes = 4096;
// Looked through at once.
constexpr uint64_t kSearchedBytes = 16 * 1024;
// What a search behind damage may check. Senders choose the bytes that it searches, and could make
// them look like overlapping entries.
constexpr uint64_t kSearchBytes = 256ull << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<SegmentReader>> SegmentReader::Open(FileSystem& fs,
                                                                   const std::string& path,
                                                                   const Epoch& epoch) {
  absl::StatusOr<UniqueFd> fd = OpenFile(fs, path, O_RDONLY);
  if (!fd.ok()) return fd.status();
  std::unique_ptr<SegmentReader> reader(new SegmentReader(fs, *std::move(fd)));
  reader->header_ = ReadHeader(fs, reader->fd_.get());
  reader->seed_ = FrameSeed(reader->header_ ? reader->header_->epoch : epoch);
  if (reader->header_) reader->generation_ = reader->header_->generation;
  return reader;
}

absl::StatusOr<uint64_t> SegmentReader::FileBytes() const {
  const int64_t bytes = fs_.FileSize(fd_.get());
  if (bytes < 0) return ErrnoStatus("size of a segment");
  return static_cast<uint64_t>(bytes);
}

std::optional<Frame> SegmentReader::Read(uint64_t end) {
  const std::optional<FrameHeader> header = HeaderAt(offset_, end);
  if (!header || !IsSound(*header, offset_, end)) return std::nullopt;
  generation_ = header->generation;
  Frame frame{*header, offset_, {}};
  if (header->type == EntryType::kBatch) {
    frame.payload = Bytes(offset_, header->frame_bytes(), end).substr(kFrameHeaderBytes);
  }
  offset_ = frame.end_offset();
  return frame;
}

void SegmentReader::Resynchronize(uint64_t end, uint64_t first, uint64_t last) {
  const auto is_wanted = [&](const FrameHeader& header) {
    return header.sequence >= first && header.sequence <= last;
  };
  // Most damage leaves the length of the entry alone.
  if (const auto damaged = HeaderAt(offset_, end)) {
    const uint64_t next_offset = offset_ + damaged->frame_bytes();
    const auto next = HeaderAt(next_offset, end);
    if (next && is_wanted(*next) && IsSound(*next, next_offset, end)) {
      offset_ = next_offset;
      return;
    }
  }
  uint64_t budget = kSearchBytes;
  for (uint64_t at = NextOfGeneration(offset_ + 1, end); at + kFrameHeaderBytes <= end;
       at = NextOfGeneration(at + 1, end)) {
    const auto header = HeaderAt(at, end);
    if (!header || !is_wanted(*header)) continue;
    if (header->frame_bytes() > budget) break;
    budget -= header->frame_bytes();
    if (IsSound(*header, at, end)) {
      offset_ = at;
      return;
    }
  }
  offset_ = end;
}

// The first place from `at` on where a header of the generation may be; `end` where there is none.
uint64_t SegmentReader::NextOfGeneration(uint64_t at, uint64_t end) {
  if (!generation_) return at;
  char wanted[sizeof(*generation_)];
  std::memcpy(wanted, &*generation_, sizeof(wanted));
  while (at + kFrameHeaderBytes <= end) {
    const std::string_view bytes = Bytes(at, std::min(kSearchedBytes, end - at), end);
    if (bytes.size() < kFrameHeaderBytes) break;
    const size_t found = bytes.find({wanted, sizeof(wanted)}, kGenerationAt);
    if (found != std::string_view::npos) return at + found - kGenerationAt;
    at += bytes.size() - (kGenerationAt + sizeof(wanted) - 1);
  }
  return end;
}

std::string SegmentReader::Payload(const Frame& frame) {
  std::string payload(frame.header.payload_bytes, '\0');
  const absl::StatusOr<size_t> got =
      ReadAt(fs_, fd_.get(), payload.data(), payload.size(), frame.offset + kFrameHeaderBytes);
  payload.resize(got.ok() ? *got : 0);
  return payload;
}

std::optional<FrameHeader> SegmentReader::HeaderAt(uint64_t offset, uint64_t end) {
  const std::string_view bytes = Bytes(offset, kFrameHeaderBytes, end);
  if (bytes.size() < kFrameHeaderBytes) return std::nullopt;
  const FrameHeader header = DecodeFrameHeader(bytes.data());
  if (!IsPlausible(header) || header.frame_bytes() > end - offset) return std::nullopt;
  if (generation_ && header.generation != *generation_) return std::nullopt;
  return header;
}

bool SegmentReader::IsSound(const FrameHeader& header, uint64_t offset, uint64_t end) {
  uint64_t left = header.frame_bytes();
  if (header.type == EntryType::kBatch) {
    const std::string_view frame = Bytes(offset, left, end);
    return frame.size() == left && FrameCrc(seed_, frame) == header.crc;
  }
  uint64_t at = offset + sizeof(header.crc);
  left -= sizeof(header.crc);
  uint32_t crc = seed_;
  while (left > 0) {
    const std::string_view piece = Bytes(at, std::min(left, kWindowBytes), end);
    if (piece.empty()) return false;
    crc = Crc32c(piece, crc);
    at += piece.size();
    left -= piece.size();
  }
  return crc == header.crc;
}

std::string_view SegmentReader::Fill(uint64_t offset, uint64_t size, uint64_t end) {
  const uint64_t available = offset < end ? end - offset : 0;
  const uint64_t wanted = std::min(std::max(size, kWindowBytes), available);
  // Large entries begin in one window and end in the next. What is before `end` never changes.
  window_.MoveTo(offset, wanted, is_whole_);
  const size_t missing = wanted - window_.size();
  const uint64_t from = offset + window_.size();
  const absl::StatusOr<size_t> got = ReadAt(fs_, fd_.get(), window_.end(), missing, from);
  is_whole_ = got.ok();
  if (is_whole_) {
    window_.Append(*got);
  } else {
    ReadByPages(from, missing);
  }
  return window_.At(offset, size);
}

// Pages that cannot be read become zeros, which no checksum matches.
void SegmentReader::ReadByPages(uint64_t offset, size_t size) {
  for (uint64_t at = 0; at < size; at += kPageBytes) {
    const uint64_t page = std::min<uint64_t>(kPageBytes, size - at);
    const absl::StatusOr<size_t> got = ReadAt(fs_, fd_.get(), window_.end(), page, offset + at);
    const size_t sound = got.ok() ? *got : 0;
    std::memset(window_.end() + sound, 0, page - sound);
    window_.Append(page);
  }
}

std::optional<SegmentHeader> ReadHeader(FileSystem& fs, int fd, uint32_t* foreign_version) {
  std::string bytes(foreign_version == nullptr ? kSegmentHeaderBytes : kMaxHeaderBytes, '\0');
  absl::StatusOr<size_t> got = ReadAt(fs, fd, bytes.data(), bytes.size(), 0);
  // Much hangs on it, and some errors pass.
  if (!got.ok()) got = ReadAt(fs, fd, bytes.data(), bytes.size(), 0);
  if (foreign_version != nullptr) *foreign_version = 0;
  if (!got.ok()) return std::nullopt;
  bytes.resize(*got);
  if (foreign_version != nullptr) *foreign_version = ForeignVersion(bytes);
  return DecodeSegmentHeader(bytes);
}

}  // namespace sluice::journal
