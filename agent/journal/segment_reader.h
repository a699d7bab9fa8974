// Reads the entries of one segment file, in order, and finds the next sound one behind damage.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/base/file_system.h"
#include "agent/journal/format.h"
#include "agent/journal/read_window.h"

namespace sluice::journal {

// One sound entry in place; its view lives until the next call of the reader that gave it, and
// beyond for as long as SegmentReader::block, as it was then, is held.
struct Frame {
  FrameHeader header;
  uint64_t offset = 0;
  // Of a batch. A checkpoint's is read by SegmentReader::Payload, since it may be large and most do
  // not want it.
  std::string_view payload;

  uint64_t end_offset() const { return offset + header.frame_bytes(); }
};

// Owned by one thread. What a disk cannot read counts as damaged.
class SegmentReader {
 public:
  // `epoch` stands in where the file's own header is not sound.
  static absl::StatusOr<std::unique_ptr<SegmentReader>> Open(FileSystem& fs,
                                                             const std::string& path,
                                                             const Epoch& epoch);

  // nullopt: damaged.
  const std::optional<SegmentHeader>& header() const { return header_; }

  // The entry at offset(), which moves behind it. nullopt: none that is whole and sound before
  // `end`; offset() stays.
  std::optional<Frame> Read(uint64_t end);
  // Moves on to the next sound entry before `end` whose sequence is in [first, last], or to `end`.
  // Gives up, for `end`, when bytes that look like entries cost too much to check.
  void Resynchronize(uint64_t end, uint64_t first, uint64_t last);

  // A copy of the payload of `frame`.
  std::string Payload(const Frame& frame);

  // What the last entry was read into, until the next call.
  const SharedBlock& block() const { return window_.block(); }

  uint64_t offset() const { return offset_; }
  void Seek(uint64_t offset) { offset_ = offset; }
  absl::StatusOr<uint64_t> FileBytes() const;

 private:
  SegmentReader(FileSystem& fs, UniqueFd fd) : fs_(fs), fd_(std::move(fd)) {}

  // `size` bytes at `offset`, fewer where `end` comes first.
  std::string_view Bytes(uint64_t offset, uint64_t size, uint64_t end) {
    if (window_.Holds(offset, size)) [[likely]]
      return window_.At(offset, size);
    return Fill(offset, size, end);
  }
  std::string_view Fill(uint64_t offset, uint64_t size, uint64_t end);
  void ReadByPages(uint64_t offset, size_t size);
  uint64_t NextOfGeneration(uint64_t at, uint64_t end);
  std::optional<FrameHeader> HeaderAt(uint64_t offset, uint64_t end);
  bool IsSound(const FrameHeader& header, uint64_t offset, uint64_t end);

  FileSystem& fs_;
  const UniqueFd fd_;
  std::optional<SegmentHeader> header_;
  uint32_t seed_ = 0;
  // Of all entries that count; nullopt: the header does not tell, and the first one will.
  std::optional<uint32_t> generation_;
  uint64_t offset_ = kSegmentHeaderBytes;
  ReadWindow window_;
  bool is_whole_ = true;  // all of the window could be read
};

// The header of an open segment file; nullopt: damaged, or of another format version, which
// `foreign_version` then says, where it is not null; else that is 0.
std::optional<SegmentHeader> ReadHeader(FileSystem& fs, int fd,
                                        uint32_t* foreign_version = nullptr);

}  // namespace sluice::journal
