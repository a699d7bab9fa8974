// One segment file open for appending.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/file_system.h"
#include "agent/journal/frames.h"
#include "agent/journal/segment.h"

namespace sluice::journal {

// Append is called by one thread at a time, Sync by another at the same time.
class SegmentFile {
 public:
  // Makes the file, whose header in `opening` is of `generation`, with `opening` as its first
  // bytes, not synced yet. No file of that name may exist.
  static absl::StatusOr<std::shared_ptr<SegmentFile>> Create(FileSystem& fs,
                                                             const std::string& directory,
                                                             uint64_t first_sequence,
                                                             uint32_t generation,
                                                             std::string_view opening);

  // The same in the file at `spare`, which is given the segment's name and may take that of a file
  // that is there. What is in it behind the segment's own bytes is of another generation, and none
  // of its entries is as new.
  static absl::StatusOr<std::shared_ptr<SegmentFile>> Reuse(
      FileSystem& fs, const std::string& directory, uint64_t first_sequence, uint32_t generation,
      std::string_view opening, const std::string& spare);

  // The same as Create under another name until Install puts it in the place of any file of its
  // name.
  static absl::StatusOr<std::shared_ptr<SegmentFile>> CreateAside(FileSystem& fs,
                                                                  const std::string& directory,
                                                                  uint64_t first_sequence,
                                                                  uint32_t generation,
                                                                  std::string_view opening);
  // Syncs and renames. The directory is left to sync.
  absl::Status Install();
  // Gives up what was not installed.
  void RemoveAside();

  // After an error nothing more is appended.
  absl::Status Append(std::string_view bytes);
  absl::Status Append(const Frames& frames);
  // Gives back the space of what stands again in another file.
  void CutTo(uint64_t size);
  // Nothing more is appended: gives back what an earlier use of the file left behind its end.
  void CutLeftover();
  // Lets readers see what was appended.
  void Publish() { segment_->end_offset.store(size_, std::memory_order_release); }
  // Makes what was appended before the call durable, and at first the file's name.
  absl::Status Sync();

  const std::shared_ptr<Segment>& segment() const { return segment_; }
  uint32_t generation() const { return generation_; }
  uint64_t size() const { return size_; }
  bool name_is_durable() const { return name_is_durable_; }

 private:
  SegmentFile(FileSystem& fs, std::string directory, uint64_t first_sequence, uint32_t generation);
  absl::Status Make(const std::string& path, int flags, std::string_view opening);

  FileSystem& fs_;
  const std::string directory_;
  const std::shared_ptr<Segment> segment_;
  const uint32_t generation_;
  UniqueFd fd_;
  uint64_t size_ = 0;
  uint64_t leftover_end_ = 0;  // of what was in the file before
  bool name_is_durable_ = false;
};

// What a file under way to its name has behind it; one that is left over is of no use.
inline constexpr char kAsideSuffix[] = ".new";

}  // namespace sluice::journal
