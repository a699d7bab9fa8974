#include "agent/journal/directory.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "agent/base/directory_lock.h"
#include "agent/base/status_macros.h"
#include "agent/journal/segment_file.h"
#include "agent/journal/segment_reader.h"

namespace sluice::journal {
namespace {

// Journals of one foreign format beside ours; nobody changes releases so often.
constexpr int kMaxForeign = 1000;

constexpr size_t kCopyBytes = 1 << 20;
// Between the path of a journal and the version of another one that lay there.
constexpr char kForeignInfix[] = ".format-";

absl::Status UnlinkFile(FileSystem& fs, const std::string& path) {
  if (fs.Unlink(path) != 0 && errno != ENOENT) return ErrnoStatus(absl::StrCat("unlink ", path));
  return absl::OkStatus();
}

absl::Status MakeDirectory(FileSystem& fs, const std::string& path) {
  if (fs.Mkdir(path, 0700) == 0 || errno == EEXIST) return absl::OkStatus();
  return ErrnoStatus(absl::StrCat("mkdir ", path));
}

// Makes the name of the directory itself durable. A parent that we may not read is one that we did
// not make it in.
absl::Status SyncParent(FileSystem& fs, const std::string& path) {
  const std::string parent = path.substr(0, path.rfind('/'));
  const absl::Status synced = SyncDirectory(fs, parent.empty() ? "/" : parent);
  return absl::IsPermissionDenied(synced) ? absl::OkStatus() : synced;
}

absl::Status CopyBytes(FileSystem& fs, int from, int to) {
  std::string buffer(kCopyBytes, '\0');
  for (uint64_t at = 0;;) {
    const absl::StatusOr<size_t> got = ReadAt(fs, from, buffer.data(), buffer.size(), at);
    if (!got.ok()) return got.status();
    if (*got == 0) return absl::OkStatus();
    RETURN_IF_ERROR(WriteAll(fs, to, std::string_view(buffer).substr(0, *got), at));
    at += *got;
  }
}

}  // namespace

absl::StatusOr<Directory> Directory::Open(FileSystem& fs, const std::string& path) {
  const absl::Status made = MakeDirectory(fs, path);
  absl::StatusOr<UniqueFd> lock = HoldDirectory(fs, path, "the journal in");
  if (lock.ok()) return Directory(fs, path, *std::move(lock));
  return made.ok() || absl::IsAlreadyExists(lock.status()) ? lock.status() : made;
}

absl::Status Directory::CheckWritable() const {
  const std::string probe = path_ + "/probe";
  const absl::StatusOr<UniqueFd> fd = OpenFile(*fs_, probe, O_RDWR | O_CREAT | O_TRUNC);
  if (!fd.ok()) return fd.status();
  const absl::Status written = WriteAll(*fs_, fd->get(), "sluice", 0);
  RETURN_IF_ERROR(UnlinkFile(*fs_, probe));
  RETURN_IF_ERROR(Annotate(written, probe));
  return SyncParent(*fs_, path_);
}

absl::StatusOr<std::map<uint64_t, std::string>> Directory::Segments() const {
  std::vector<std::string> names;
  if (fs_->List(path_, &names) != 0) return ErrnoStatus(absl::StrCat("list ", path_));
  std::map<uint64_t, std::string> segments;
  for (const std::string& name : names) {
    const std::optional<uint64_t> first_sequence = ParseSegmentName(name);
    if (first_sequence) segments[*first_sequence] = absl::StrCat(path_, "/", name);
  }
  return segments;
}

absl::StatusOr<Directory::Newest> Directory::FindNewest() const {
  const auto segments = Segments();
  if (!segments.ok()) return segments.status();
  Newest newest;
  for (auto it = segments->rbegin(); it != segments->rend(); ++it) {
    const absl::StatusOr<UniqueFd> file = OpenFile(*fs_, it->second, O_RDONLY);
    if (!file.ok()) return file.status();
    newest.header = ReadHeader(*fs_, file->get(), &newest.foreign_version);
    if (newest.header || newest.foreign_version != 0) break;
  }
  return newest;
}

void Directory::RemoveLeftovers() const {
  std::vector<std::string> names;
  fs_->List(path_, &names);
  for (const std::string& name : names) {
    if (absl::EndsWith(name, kAsideSuffix)) fs_->Unlink(absl::StrCat(path_, "/", name));
  }
}

absl::Status Directory::RemoveSegments() const {
  const auto segments = Segments();
  if (!segments.ok()) return segments.status();
  for (const auto& [first, segment] : *segments) RETURN_IF_ERROR(UnlinkFile(*fs_, segment));
  return SyncDirectory(*fs_, path_);
}

absl::Status Directory::SetAside() const {
  const auto segments = Segments();
  if (!segments.ok()) return segments.status();
  const std::string aside_path = path_ + ".set-aside";
  RETURN_IF_ERROR(MakeDirectory(*fs_, aside_path));
  RETURN_IF_ERROR(Directory(*fs_, aside_path, UniqueFd()).RemoveSegments());
  return MoveTo(aside_path, *segments);
}

// Oldest first: as long as any is left, the newest one here says whose they are.
absl::Status Directory::MoveTo(const std::string& directory,
                               const std::map<uint64_t, std::string>& segments) const {
  RETURN_IF_ERROR(MakeDirectory(*fs_, directory));
  RETURN_IF_ERROR(SyncParent(*fs_, directory));
  for (const auto& [first, segment] : segments) {
    const std::string target = absl::StrCat(directory, "/", SegmentName(first));
    if (fs_->Rename(segment, target) != 0) return ErrnoStatus(absl::StrCat("rename ", segment));
  }
  RETURN_IF_ERROR(SyncDirectory(*fs_, directory));
  return SyncDirectory(*fs_, path_);
}

// Oldest first, and under a name of its own until it is whole: where this is cut short, the next
// start goes on with it.
absl::Status Directory::SetAsideForeign(uint32_t version) const {
  const auto segments = Segments();
  if (!segments.ok()) return segments.status();
  const std::string base = absl::StrCat(path_, kForeignInfix, version);
  const std::string aside = absl::StrCat(base, kAsideSuffix);
  RETURN_IF_ERROR(MoveTo(aside, *segments));
  std::string target = base;
  std::vector<std::string> names;
  for (int i = 2; fs_->List(target, &names) == 0; ++i) {
    if (i > kMaxForeign) return absl::ResourceExhaustedError(absl::StrCat("too many ", base, ".*"));
    target = absl::StrCat(base, ".", i);
  }
  if (fs_->Rename(aside, target) != 0) return ErrnoStatus(absl::StrCat("rename ", aside));
  return SyncParent(*fs_, target);
}

std::vector<std::string> Directory::FindForeign(FileSystem& fs, const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string parent = path.substr(0, slash);
  const std::string prefix = path.substr(slash + 1) + kForeignInfix;
  std::vector<std::string> names;
  if (fs.List(parent.empty() ? "/" : parent, &names) != 0) return {};
  std::erase_if(names, [&](const std::string& name) { return !name.starts_with(prefix); });
  std::sort(names.begin(), names.end());
  for (std::string& name : names) name.insert(0, parent + "/");
  return names;
}

// What `target` holds behind the first of `moved` was read and written again there, or given up
// when this journal began: it must not come back between its successors.
absl::Status Directory::RemoveOutdated(const std::map<uint64_t, std::string>& moved) const {
  const auto segments = Segments();
  if (!segments.ok()) return segments.status();
  bool is_changed = false;
  for (const auto& [first, segment] : *segments) {
    if (moved.empty() || first < moved.begin()->first || moved.contains(first)) continue;
    RETURN_IF_ERROR(UnlinkFile(*fs_, segment));
    is_changed = true;
  }
  return is_changed ? SyncDirectory(*fs_, path_) : absl::OkStatus();
}

absl::Status Directory::MoveSegmentsTo(const Directory& target) const {
  const auto segments = Segments();
  if (!segments.ok()) return segments.status();
  RETURN_IF_ERROR(target.RemoveOutdated(*segments));
  for (const auto& [first, segment] : *segments) {
    RETURN_IF_ERROR(CopySegment(segment, absl::StrCat(target.path_, "/", SegmentName(first))));
  }
  RETURN_IF_ERROR(SyncDirectory(*fs_, target.path_));
  return RemoveSegments();
}

absl::Status Directory::CopySegment(const std::string& from, const std::string& to) const {
  const std::string aside = absl::StrCat(to, kAsideSuffix);
  const absl::StatusOr<UniqueFd> source = OpenFile(*fs_, from, O_RDONLY);
  if (!source.ok()) return source.status();
  const absl::StatusOr<UniqueFd> copy = OpenFile(*fs_, aside, O_RDWR | O_CREAT | O_TRUNC);
  if (!copy.ok()) return copy.status();
  RETURN_IF_ERROR(Annotate(CopyBytes(*fs_, source->get(), copy->get()), aside));
  if (fs_->Fdatasync(copy->get()) != 0) return ErrnoStatus(absl::StrCat("fdatasync ", aside));
  if (fs_->Rename(aside, to) != 0) return ErrnoStatus(absl::StrCat("rename ", aside));
  return absl::OkStatus();
}

}  // namespace sluice::journal
