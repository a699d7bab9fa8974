#include "agent/journal/segment_file.h"

#include <fcntl.h>

#include <utility>

#include "agent/base/status_macros.h"
#include "agent/journal/format.h"

namespace sluice::journal {

SegmentFile::SegmentFile(FileSystem& fs, std::string directory, uint64_t first_sequence,
                         uint32_t generation)
    : fs_(fs),
      directory_(std::move(directory)),
      segment_(std::make_shared<Segment>(
          first_sequence, absl::StrCat(directory_, "/", SegmentName(first_sequence)))),
      generation_(generation) {}

absl::StatusOr<std::shared_ptr<SegmentFile>> SegmentFile::Create(FileSystem& fs,
                                                                 const std::string& directory,
                                                                 uint64_t first_sequence,
                                                                 uint32_t generation,
                                                                 std::string_view opening) {
  std::shared_ptr<SegmentFile> file(new SegmentFile(fs, directory, first_sequence, generation));
  RETURN_IF_ERROR(file->Make(file->segment_->path, O_EXCL, opening));
  file->Publish();
  return file;
}

absl::StatusOr<std::shared_ptr<SegmentFile>> SegmentFile::Reuse(
    FileSystem& fs, const std::string& directory, uint64_t first_sequence, uint32_t generation,
    std::string_view opening, const std::string& spare) {
  std::shared_ptr<SegmentFile> file(new SegmentFile(fs, directory, first_sequence, generation));
  RETURN_IF_ERROR(file->Make(spare, 0, opening));
  const int64_t bytes = fs.FileSize(file->fd_.get());
  file->leftover_end_ = bytes < 0 ? 0 : static_cast<uint64_t>(bytes);
  const std::string& path = file->segment_->path;
  if (fs.Rename(spare, path) != 0) return ErrnoStatus(absl::StrCat("rename ", spare));
  file->Publish();
  return file;
}

absl::StatusOr<std::shared_ptr<SegmentFile>> SegmentFile::CreateAside(FileSystem& fs,
                                                                      const std::string& directory,
                                                                      uint64_t first_sequence,
                                                                      uint32_t generation,
                                                                      std::string_view opening) {
  std::shared_ptr<SegmentFile> file(new SegmentFile(fs, directory, first_sequence, generation));
  RETURN_IF_ERROR(file->Make(absl::StrCat(file->segment_->path, kAsideSuffix), O_TRUNC, opening));
  return file;
}

// Leaves no file behind when it fails.
absl::Status SegmentFile::Make(const std::string& path, int flags, std::string_view opening) {
  absl::StatusOr<UniqueFd> fd = OpenFile(fs_, path, O_RDWR | O_CREAT | flags);
  if (!fd.ok()) return fd.status();
  fd_ = *std::move(fd);
  const absl::Status written = Append(opening);
  if (!written.ok()) fs_.Unlink(path);
  return written;
}

absl::Status SegmentFile::Install() {
  const std::string aside = absl::StrCat(segment_->path, kAsideSuffix);
  if (fs_.Fdatasync(fd_.get()) != 0) return ErrnoStatus(absl::StrCat("fdatasync ", aside));
  if (fs_.Rename(aside, segment_->path) != 0) return ErrnoStatus(absl::StrCat("rename ", aside));
  name_is_durable_ = true;  // once the caller has synced the directory
  Publish();
  return absl::OkStatus();
}

void SegmentFile::RemoveAside() { fs_.Unlink(absl::StrCat(segment_->path, kAsideSuffix)); }

absl::Status SegmentFile::Append(std::string_view bytes) {
  RETURN_IF_ERROR(Annotate(WriteAll(fs_, fd_.get(), bytes, size_), segment_->path));
  size_ += bytes.size();
  return absl::OkStatus();
}

absl::Status SegmentFile::Append(const Frames& frames) {
  if (frames.lent().empty()) return Append(frames.own());
  RETURN_IF_ERROR(Annotate(WriteAll(fs_, fd_.get(), frames.Pieces(), size_), segment_->path));
  size_ += frames.size();
  return absl::OkStatus();
}

// A reader that is behind the new end by now goes on in the other file. Where the disk refuses, the
// space is lost until recovery.
void SegmentFile::CutTo(uint64_t size) {
  size_ = size;
  Publish();
  fs_.Ftruncate(fd_.get(), size);
}

// Where the disk refuses, the space is lost until recovery.
void SegmentFile::CutLeftover() {
  if (leftover_end_ > size_) fs_.Ftruncate(fd_.get(), size_);
  leftover_end_ = 0;
}

absl::Status SegmentFile::Sync() {
  if (fs_.Fdatasync(fd_.get()) != 0) return ErrnoStatus(absl::StrCat("fdatasync ", segment_->path));
  // Bytes that no name leads to are gone with this process.
  if (!fs_.IsNamed(fd_.get(), segment_->path)) {
    return absl::DataLossError(absl::StrCat(segment_->path, " was removed or replaced"));
  }
  if (name_is_durable_) return absl::OkStatus();
  RETURN_IF_ERROR(SyncDirectory(fs_, directory_));
  name_is_durable_ = true;
  return absl::OkStatus();
}

}  // namespace sluice::journal
