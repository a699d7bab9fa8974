#include "agent/journal/archiver.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <utility>

#include "agent/base/scheduling.h"
#include "agent/base/status_macros.h"
#include "agent/base/user_of.h"
#include "agent/journal/format.h"
#include "agent/journal/unread_count.h"

namespace sluice::journal {
namespace {

// Copies are written in pieces of about this size.
constexpr size_t kPieceBytes = 256 * 1024;

std::string DirectoryOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

// Takes the kept entries out of a segment, stamped as those of another one.
class Archiver::Copy {
 public:
  using Write = std::function<absl::Status(std::string_view)>;

  Copy(const Job& job, uint32_t seed, uint32_t generation)
      : job_(job), seed_(seed), generation_(generation) {}

  // Hands all of them to `write`, piece by piece, until it fails or `is_stopping`.
  absl::Status Run(SegmentReader* reader, const std::atomic<bool>& is_stopping, const Write& write);

  // Once done, for a file of so many bytes.
  SegmentUsage TakeAdded(uint64_t file_bytes);
  // Entries that could not be read.
  uint64_t damaged() const { return damaged_; }

 private:
  void Add(const Frame& frame);

  const Job& job_;
  const uint32_t seed_;
  const uint32_t generation_;
  std::string piece_;
  std::map<uid_t, uint64_t> bytes_by_uid_;
  uint64_t damaged_ = 0;
};

absl::Status Archiver::Copy::Run(SegmentReader* reader, const std::atomic<bool>& is_stopping,
                                 const Write& write) {
  if (job_.kept.empty()) return absl::OkStatus();
  const uint64_t end = job_.from->end_offset.load();
  const uint64_t end_sequence = job_.from->end_sequence.load();
  const bool is_sparse = reader->header() && (reader->header()->kind & kSparse) != 0;
  uint64_t next = job_.from->first_sequence;
  while (reader->offset() < end) {
    if (is_stopping) return absl::CancelledError("the agent ends");
    const std::optional<Frame> frame = reader->Read(end);
    if (!frame) {
      reader->Resynchronize(end, next, end_sequence - 1);
      continue;
    }
    const FrameHeader& header = frame->header;
    if (header.type != EntryType::kBatch || header.sequence < next) continue;
    if (header.sequence >= end_sequence) break;
    if (!is_sparse) damaged_ += header.sequence - next;
    next = header.sequence + 1;
    if (job_.kept.contains(UserOf(header.uid))) Add(*frame);
    if (piece_.size() < kPieceBytes) continue;
    if (absl::Status written = write(piece_); !written.ok()) return written;
    piece_.clear();
  }
  const uint64_t own_end = std::min(end_sequence, job_.from->removed_from);
  if (!is_sparse && next < own_end) damaged_ += own_end - next;
  return piece_.empty() ? absl::OkStatus() : write(piece_);
}

void Archiver::Copy::Add(const Frame& frame) {
  FrameHeader header = frame.header;
  header.generation = generation_;
  // All before it is synced, or it would not be copied.
  header.unsynced_before = 0;
  AppendFrame(header, {frame.payload}, seed_, &piece_);
  bytes_by_uid_[UserOf(header.uid)] += header.frame_bytes();
}

SegmentUsage Archiver::Copy::TakeAdded(uint64_t file_bytes) {
  SegmentUsage added;
  added.bytes = file_bytes;
  added.newest_unix_nano = job_.newest_unix_nano;
  added.bytes_by_uid = std::move(bytes_by_uid_);
  added.partial = true;
  added.generation = generation_;
  return added;
}

Archiver::~Archiver() {
  {
    MutexLock lock(&mutex_);
    is_stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Archiver::Begin(Job job) {
  is_busy_ = true;
  MutexLock lock(&mutex_);
  job_ = std::move(job);
  changed_.NotifyAll();
  // Most agents never need it.
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
}

std::optional<Archiver::Result> Archiver::TakeResult() {
  if (!has_result_) return std::nullopt;
  return WaitForResult();
}

Archiver::Result Archiver::WaitForResult() {
  MutexLock lock(&mutex_);
  while (!result_) changed_.Wait(&mutex_);
  Result result = *std::move(result_);
  result_.reset();
  has_result_ = false;
  is_busy_ = false;
  return result;
}

void Archiver::Run() {
  BecomeBackgroundThread("journal archive");
  MutexLock lock(&mutex_);
  while (true) {
    while (!job_ && !is_stopping_) changed_.Wait(&mutex_);
    if (is_stopping_) return;
    const Job job = *std::move(job_);
    job_.reset();
    mutex_.Unlock();
    Result result = Archive(job);
    mutex_.Lock();
    result_ = std::move(result);
    has_result_ = true;
    changed_.NotifyAll();
  }
}

Archiver::Result Archiver::Archive(const Job& job) {
  auto reader = SegmentReader::Open(shared_->fs, job.from->path, shared_->epoch());
  if (!reader.ok()) return {reader.status(), 0, {}};
  if (job.before != nullptr) {
    const auto before = SegmentReader::Open(shared_->fs, job.before->path, shared_->epoch());
    const auto& header = before.ok() ? (*before)->header() : std::nullopt;
    const auto& source = (*reader)->header();
    if (header && source && header->boot_id == source->boot_id && header->epoch == source->epoch &&
        header->created_unix_nano + job.max_span_nano >= job.newest_unix_nano) {
      Result result = AppendTo(job, reader->get(), *header);
      if (!absl::IsOutOfRange(result.status)) return result;
      (*reader)->Seek(kSegmentHeaderBytes);
    }
  }
  return Replace(job, reader->get());
}

// OUT_OF_RANGE: it would be too large. Whatever fails, it is as long as before.
Archiver::Result Archiver::AppendTo(const Job& job, SegmentReader* reader,
                                    const SegmentHeader& before) {
  FileSystem& fs = shared_->fs;
  const std::string& path = job.before->path;
  const absl::StatusOr<UniqueFd> file = OpenFile(fs, path, O_RDWR);
  if (!file.ok()) return {file.status(), 0, {}};
  const uint64_t begin = job.before->end_offset.load();
  uint64_t size = begin;
  // What an earlier attempt left behind.
  if (fs.FileSize(file->get()) > static_cast<int64_t>(begin) &&
      fs.Ftruncate(file->get(), begin) != 0) {
    return {ErrnoStatus(absl::StrCat("cut ", path)), 0, {}};
  }
  Copy copy(job, FrameSeed(before.epoch), before.generation);
  absl::Status copied = copy.Run(reader, is_stopping_, [&](std::string_view piece) {
    if (size + piece.size() > job.max_bytes) return absl::OutOfRangeError("full");
    const absl::Status written = WriteAll(fs, file->get(), piece, size);
    size += piece.size();
    return Annotate(written, path);
  });
  if (copied.ok() && size > begin && fs.Fdatasync(file->get()) != 0) {
    copied = ErrnoStatus(absl::StrCat("fdatasync ", path));
  }
  // Were a segment removed earlier to come back, it would take the place of these copies.
  if (copied.ok()) copied = SyncDirectory(fs, DirectoryOf(path));
  const UnreadCounts unread = CountUnread(*shared_, *job.from, job.kept);
  if (copied.ok()) copied = Remove(job);
  if (!copied.ok()) {
    fs.Ftruncate(file->get(), begin);
    return {copied, 0, {}};
  }
  AddToDropped(unread, "full", *shared_);
  auto grown = std::make_shared<Segment>(job.before->first_sequence, path);
  grown->end_offset = size;
  grown->end_sequence = job.from->end_sequence.load();
  grown->sealed = true;
  grown->durable = true;
  shared_->ReplaceSegment(std::move(grown));
  shared_->RemoveSegment(*job.from);
  shared_->Count("journal.damaged", "archive", copy.damaged());
  Result result{absl::OkStatus(), job.before->first_sequence, copy.TakeAdded(size)};
  result.added.sparse = SparseUse::kGrows;
  return result;
}

absl::Status Archiver::Remove(const Job& job) {
  // Before its name is: a reader that misses the file has to know why.
  job.from->gone = true;
  if (shared_->fs.Unlink(job.from->path) == 0 || errno == ENOENT) return absl::OkStatus();
  const absl::Status failed = ErrnoStatus(absl::StrCat("unlink ", job.from->path));
  job.from->gone = false;
  return failed;
}

Archiver::Result Archiver::Replace(const Job& job, SegmentReader* reader) {
  SegmentHeader header;
  header.epoch = shared_->epoch();
  if (reader->header()) header = *reader->header();
  header.first_sequence = job.from->first_sequence;
  header.generation = MakeGeneration();
  header.kind |= kSparse;
  const uint32_t seed = FrameSeed(header.epoch);
  std::string opening = EncodeSegmentHeader(header);
  FrameHeader checkpoint;
  checkpoint.sequence = header.first_sequence;
  checkpoint.type = EntryType::kCheckpoint;
  checkpoint.flags = kPartialCheckpoint;
  checkpoint.generation = header.generation;
  AppendFrame(checkpoint, {}, seed, &opening);

  const std::string directory = DirectoryOf(job.from->path);
  const auto file = SegmentFile::CreateAside(shared_->fs, directory, header.first_sequence,
                                             header.generation, opening);
  if (!file.ok()) return {file.status(), 0, {}};
  Copy copy(job, seed, header.generation);
  absl::Status copied = copy.Run(reader, is_stopping_,
                                 [&](std::string_view piece) { return (*file)->Append(piece); });
  const UnreadCounts unread = CountUnread(*shared_, *job.from, job.kept);
  if (copied.ok()) copied = (*file)->Install();
  if (!copied.ok()) {
    (*file)->RemoveAside();
    return {copied, 0, {}};
  }
  AddToDropped(unread, "full", *shared_);
  const std::shared_ptr<Segment>& installed = (*file)->segment();
  installed->end_sequence = job.from->end_sequence.load();
  installed->sealed = true;
  installed->durable = true;
  shared_->ReplaceSegment(installed);
  shared_->Count("journal.damaged", "archive", copy.damaged());
  Result result{absl::OkStatus(), header.first_sequence, copy.TakeAdded((*file)->size())};
  // Copies that follow in it must not outlive its name.
  const absl::Status synced = SyncDirectory(shared_->fs, directory);
  result.added.sparse = synced.ok() ? SparseUse::kGrows : SparseUse::kClosed;
  return result;
}

}  // namespace sluice::journal
