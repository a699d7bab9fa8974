// Problem: Two threads use the same files, and each call to the disk may fail. The ingest thread
// must not wait for a sync. After a failure nobody knows which unsynced bytes are on disk.
//
// States: While the disk is well, the ingest thread appends to current_ and the sync thread syncs
// unsynced_files_. A failed write, opening or sync leads to Refuse: from then on the ingest thread
// only queues, and the sync thread tries Rewrite at retry_at_. Rewrite writes all of chunks_ to one
// new segment, which TakeOver makes the current one. The disk is well again only when TakeOver
// finds that nothing was queued meanwhile. During MoveTo the sync thread does neither; at a stop it
// tries each once more.
//
// Invariants:
// * chunks_ holds every entry taken and not known to be durable, in order. So Rewrite reads no
//   file, and a failed sync loses nothing.
// * refuses_ and is_writing_ change under one lock, and Rewrite waits for is_writing_ to end.
//   Otherwise an entry could land in a file that is just being replaced.
// * synced() moves on only in DropSynced: after all files with those chunks were synced, oldest
//   first, or MoveTo has copied them. Were it earlier, clients would free records that a power cut
//   takes.
// * What is lent to a chunk is held as long as the chunk: Rewrite writes it again from where it
//   stands. It goes before on_synced tells that it may.
// * mutex_ is free during calls to the disk and during on_synced. Otherwise the ingest thread would
//   wait for a slow disk.

#include "agent/journal/synced_log.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/base/log.h"
#include "agent/base/message_ids.h"
#include "agent/base/status_macros.h"
#include "agent/journal/format.h"

namespace sluice::journal {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr size_t kSpareBuffers = 2;
constexpr size_t kSpareBufferBytes = 4 << 20;

// Openings that are kept until they are durable take no more, or are two: each may hold all of the
// state.
constexpr size_t kOpeningBytes = 16 << 20;

}  // namespace

SyncedLog::SyncedLog(std::shared_ptr<SharedState> shared, Options options)
    : shared_(std::move(shared)), options_(std::move(options)), directory_(options_.directory) {}

SyncedLog::~SyncedLog() {
  {
    MutexLock lock(&mutex_);
    is_stopping_ = true;
    work_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
  MutexLock lock(&mutex_);
  if (current_ != nullptr) current_->CutLeftover();
}

void SyncedLog::Start() {
  thread_ = std::thread([this] { Run(); });
}

// False: the disk refuses, and the sync thread writes.
bool SyncedLog::BeginWrite() {
  is_writing_ = !refuses_.load();
  return is_writing_;
}

void SyncedLog::EndWrite(const absl::Status& written) {
  is_writing_ = false;
  quiet_.NotifyAll();
  if (!written.ok()) Refuse(written);
}

bool SyncedLog::OpenSegment(uint64_t next_sequence, uint32_t generation, std::string opening,
                            const std::string& spare) {
  std::shared_ptr<SegmentFile> last;
  {
    MutexLock lock(&mutex_);
    if (!BeginWrite()) return false;
    last = current_;
  }
  if (last != nullptr) last->CutLeftover();
  const std::string content = options_.header(next_sequence, generation) + opening;
  const absl::StatusOr<std::shared_ptr<SegmentFile>> file =
      MakeSegment(next_sequence, generation, content, spare);
  if (file.ok()) shared_->AddSegment((*file)->segment());
  MutexLock lock(&mutex_);
  EndWrite(file.status());
  if (file.ok()) Announce(next_sequence, opening);
  openings_[next_sequence] = std::move(opening);
  if (!file.ok()) return false;
  opened_at_ = SteadyClock::now();
  work_.NotifyAll();
  current_ = *file;
  unsynced_files_.push_back(current_);
  generation_ = generation;
  opening_bytes_ = segment_bytes_ = current_->size();
  is_partial_ = false;
  return true;
}

// A segment without batches is replaced by the next one, which begins with the same sequence; it
// may hold the only checkpoint, so that the new one is durable first.
absl::StatusOr<std::shared_ptr<SegmentFile>> SyncedLog::MakeSegment(uint64_t first_sequence,
                                                                    uint32_t generation,
                                                                    const std::string& content,
                                                                    const std::string& spare) {
  const std::string directory = CurrentDirectory();
  if (shared_->SegmentAt(first_sequence) == nullptr) {
    if (!spare.empty()) {
      auto file =
          SegmentFile::Reuse(shared_->fs, directory, first_sequence, generation, content, spare);
      if (file.ok()) return file;
    }
    return SegmentFile::Create(shared_->fs, directory, first_sequence, generation, content);
  }
  absl::StatusOr<std::shared_ptr<SegmentFile>> file =
      SegmentFile::CreateAside(shared_->fs, directory, first_sequence, generation, content);
  if (!file.ok()) return file;
  RETURN_IF_ERROR((*file)->Install());
  RETURN_IF_ERROR(SyncDirectory(shared_->fs, directory));
  return file;
}

void SyncedLog::Write(Chunk chunk) {
  const uint64_t last_sequence = chunk.end_sequence - 1;
  {
    MutexLock lock(&mutex_);
    // Under the same lock: the disk is not found well again before this is written, too.
    if (!BeginWrite()) return Enqueue(std::move(chunk), /*is_written=*/false);
    chunk.file = current_;
  }
  SegmentFile& file = *chunk.file;
  Restamp(file.generation(), &chunk);
  chunk.offset = file.size();
  const absl::Status written = file.Append(chunk.frames);
  if (written.ok()) file.Publish();
  segment_bytes_ = file.size();
  {
    MutexLock lock(&mutex_);
    Enqueue(std::move(chunk), written.ok());
    EndWrite(written);
  }
  if (written.ok()) shared_->Publish(last_sequence);
}

// The segment that it was meant for may have been replaced since.
void SyncedLog::Restamp(uint32_t generation, Chunk* chunk) const {
  if (chunk->generation == generation) return;
  chunk->frames.Restamp(generation, options_.frame_seed);
  chunk->generation = generation;
}

void SyncedLog::Enqueue(Chunk chunk, bool is_written) {
  const uint64_t bytes = unsynced_bytes_ += chunk.frames.size();
  const bool was_empty = chunks_.empty();
  chunk.taken_at = SteadyClock::now();
  is_urgent_ |= chunk.is_urgent;
  chunks_.push_back(std::move(chunk));
  if (is_written) ++written_chunks_;
  if (was_empty || is_urgent_ || bytes >= options_.group_bytes) work_.NotifyAll();
}

void SyncedLog::Refuse(const absl::Status& why) {
  if (!refuses_) {
    LogError(absl::StrCat("journal: the disk refuses: ", why.message()), kJournalRefused);
  }
  refuses_ = true;
  error_ = std::string(why.message());
  shared_->Count("journal.write_errors", "", 1);
  // A fresh segment is worth an attempt at once when a sync failed, not when the disk is full.
  retry_at_ = SteadyClock::now();
  if (!sync_failed_) retry_at_ += options_.retry_delay;
  work_.NotifyAll();
}

void SyncedLog::SyncNow() {
  MutexLock lock(&mutex_);
  is_urgent_ |= !chunks_.empty();
  work_.NotifyAll();
}

bool SyncedLog::IsSegmentDue(uint64_t segment_bytes) const {
  return is_partial_ || segment_bytes_ >= std::max(segment_bytes, 2 * opening_bytes_);
}

bool SyncedLog::MayOpenSegment() const {
  MutexLock lock(&mutex_);
  if (refuses_) return false;
  size_t bytes = 0;
  for (const auto& [first_sequence, opening] : openings_) bytes += opening.size();
  return openings_.size() < 2 || bytes < kOpeningBytes;
}

bool SyncedLog::Drain() {
  MutexLock lock(&mutex_);
  is_urgent_ = true;
  work_.NotifyAll();
  while (!chunks_.empty() && !refuses_) quiet_.Wait(&mutex_);
  return !refuses_;
}

std::string SyncedLog::CurrentDirectory() const {
  MutexLock lock(&mutex_);
  return directory_;
}

std::string SyncedLog::error() const {
  MutexLock lock(&mutex_);
  return error_;
}

std::vector<SyncedLog::NewSegment> SyncedLog::TakeNewSegments() {
  MutexLock lock(&mutex_);
  has_new_segments_ = false;
  return std::exchange(new_segments_, {});
}

void SyncedLog::Announce(uint64_t first_sequence, const std::string& opening) {
  const FrameHeader header = DecodeFrameHeader(opening.data());
  new_segments_.push_back({first_sequence, kSegmentHeaderBytes + opening.size(),
                           (header.flags & kPartialCheckpoint) != 0, header.known_synced()});
  has_new_segments_ = true;
}

std::string SyncedLog::TakeBuffer() {
  MutexLock lock(&mutex_);
  if (spare_buffers_.empty()) return {};
  std::string buffer = std::move(spare_buffers_.back());
  spare_buffers_.pop_back();
  return buffer;
}

absl::Status SyncedLog::MoveTo(const std::string& directory,
                               const std::function<absl::Status()>& move) {
  {
    MutexLock lock(&mutex_);
    is_moving_ = true;
    while (is_syncing_) quiet_.Wait(&mutex_);
    if (refuses_) {
      is_moving_ = false;
      return absl::UnavailableError(error_);
    }
  }
  const absl::Status moved = move();
  MutexLock lock(&mutex_);
  is_moving_ = false;
  work_.NotifyAll();
  if (!moved.ok()) return moved;
  directory_ = directory;
  unsynced_files_.clear();
  opened_at_.reset();
  DropSynced(chunks_.size());
  return absl::OkStatus();
}

// Nothing waits for an opening without entries, but what the segments before hold of the state can
// only go when it is synced.
std::optional<SyncedLog::TimePoint> SyncedLog::SyncDeadline() const {
  if (sync_failed_) return std::nullopt;
  if (written_chunks_ > 0) return chunks_.front().taken_at + options_.group_delay;
  if (opened_at_) return *opened_at_ + options_.group_delay;
  return std::nullopt;
}

bool SyncedLog::IsSyncDue(TimePoint now) const {
  const std::optional<TimePoint> deadline = SyncDeadline();
  if (!deadline || is_moving_) return false;
  if (now >= *deadline) return true;
  return written_chunks_ > 0 &&
         (is_urgent_ || is_stopping_ || unsynced_bytes_ >= options_.group_bytes);
}

bool SyncedLog::IsRewriteDue(TimePoint now) const {
  return refuses_ && !is_moving_ && (is_stopping_ || now >= retry_at_);
}

SyncedLog::TimePoint SyncedLog::NextDue() const {
  TimePoint due = SteadyClock::now() + std::chrono::hours(1);
  if (refuses_) due = retry_at_;
  const std::optional<TimePoint> sync = SyncDeadline();
  return sync && !is_moving_ ? std::min(due, *sync) : due;
}

void SyncedLog::Run() {
  MutexLock lock(&mutex_);
  while (true) {
    const TimePoint now = SteadyClock::now();
    const bool was_stopping = is_stopping_;
    const bool sync_due = IsSyncDue(now);
    if (sync_due) SyncWritten();
    const bool rewrite_due = IsRewriteDue(now);
    if (rewrite_due) Rewrite();
    if (was_stopping) return;
    if (!sync_due && !rewrite_due && !is_stopping_) work_.WaitUntil(&mutex_, NextDue());
  }
}

void SyncedLog::SyncWritten() {
  const size_t count = written_chunks_;
  const std::vector<std::shared_ptr<SegmentFile>> files = unsynced_files_;
  is_urgent_ = false;
  opened_at_.reset();
  is_syncing_ = true;
  mutex_.Unlock();
  const uint64_t name_changes = shared_->name_changes;
  absl::Status synced;
  for (const auto& file : files) {
    const bool syncs_directory = !file->name_is_durable();
    synced = file->Sync();
    if (!synced.ok()) break;
    if (syncs_directory) shared_->durable_name_changes = name_changes;
  }
  mutex_.Lock();
  is_syncing_ = false;
  quiet_.NotifyAll();
  if (!synced.ok()) {
    sync_failed_ = true;
    return Refuse(synced);
  }
  for (const auto& file : files) file->segment()->durable = true;
  // The last one may have been written to behind the sync, even if another has followed it since.
  unsynced_files_.erase(unsynced_files_.begin(),
                        unsynced_files_.begin() + static_cast<ptrdiff_t>(files.size() - 1));
  DropSynced(count);
}

void SyncedLog::Rewrite() {
  while (is_writing_) quiet_.Wait(&mutex_);
  const uint64_t first_sequence = shared_->synced() + 1;
  const auto found = openings_.find(first_sequence);
  const bool is_whole = found != openings_.end();
  const std::string opening =
      is_whole ? found->second : options_.partial_checkpoint(first_sequence);
  std::vector<Chunk*> chunks;
  for (Chunk& chunk : chunks_) chunks.push_back(&chunk);
  const Doubled doubled = DoubledIn(first_sequence);
  is_syncing_ = true;
  mutex_.Unlock();
  absl::StatusOr<std::shared_ptr<SegmentFile>> file = WriteAgain(first_sequence, opening, chunks);
  mutex_.Lock();
  is_syncing_ = false;
  quiet_.NotifyAll();
  if (!file.ok()) {
    error_ = std::string(file.status().message());
    retry_at_ = SteadyClock::now() + options_.retry_delay;
    return;
  }
  is_partial_ = !is_whole;
  TakeOver(*std::move(file), opening, chunks.size());
  Cut(doubled);
}

SyncedLog::Doubled SyncedLog::DoubledIn(uint64_t first_sequence) const {
  if (chunks_.empty()) return {};
  const Chunk& first = chunks_.front();
  if (first.file == nullptr || first.file->segment()->first_sequence >= first_sequence) return {};
  return {first.file, first.offset};
}

// Only once readers know that the segment ends there: they would take what is gone for damage.
void SyncedLog::Cut(const Doubled& doubled) {
  if (doubled.file == nullptr) return;
  is_syncing_ = true;
  mutex_.Unlock();
  doubled.file->CutTo(doubled.offset);
  mutex_.Lock();
  is_syncing_ = false;
  quiet_.NotifyAll();
}

// The new segment is whole on disk before its name is, and its name before the names of those it
// takes the place of are gone for good.
absl::StatusOr<std::shared_ptr<SegmentFile>> SyncedLog::WriteAgain(
    uint64_t first_sequence, std::string opening, const std::vector<Chunk*>& chunks) {
  const std::string directory = CurrentDirectory();
  const uint32_t generation = MakeGeneration();
  journal::Restamp(generation, options_.frame_seed, &opening);
  absl::StatusOr<std::shared_ptr<SegmentFile>> file =
      SegmentFile::CreateAside(shared_->fs, directory, first_sequence, generation,
                               options_.header(first_sequence, generation) + opening);
  if (!file.ok()) return file;
  absl::Status written;
  for (Chunk* const chunk : chunks) {
    Restamp(generation, chunk);
    written.Update((*file)->Append(chunk->frames));
  }
  if (written.ok()) written = (*file)->Install();
  if (!written.ok()) {
    (*file)->RemoveAside();
    return written;
  }
  for (const SharedState::SegmentPtr& segment : shared_->Segments()) {
    if (segment->first_sequence <= first_sequence) continue;
    // Before its name is: a reader that misses the file has to wait for the new one.
    segment->gone = true;
    if (shared_->fs.Unlink(segment->path) != 0 && errno != ENOENT) {
      return ErrnoStatus(absl::StrCat("unlink ", segment->path));
    }
  }
  RETURN_IF_ERROR(SyncDirectory(shared_->fs, directory));
  return file;
}

void SyncedLog::TakeOver(std::shared_ptr<SegmentFile> file, const std::string& opening,
                         size_t chunk_count) {
  Announce(file->segment()->first_sequence, opening);
  file->segment()->durable = true;
  opened_at_.reset();
  shared_->SupersedeBy(file->segment());
  generation_ = file->generation();
  segment_bytes_ = file->size();
  opening_bytes_ = kSegmentHeaderBytes + opening.size();
  current_ = file;
  unsynced_files_ = {std::move(file)};
  sync_failed_ = false;
  written_chunks_ = chunk_count;
  DropSynced(chunk_count);
  // What was appended while this went on is written the same way.
  if (!chunks_.empty()) return;
  refuses_ = false;
  error_.clear();
  LogInfo("journal: the disk takes writes again");
}

// The first `chunk_count` chunks are durable.
void SyncedLog::DropSynced(size_t chunk_count) {
  if (chunk_count == 0) return;
  const uint64_t last_sequence = chunks_[chunk_count - 1].end_sequence - 1;
  // Given back without the lock: whoever is the last to hold one frees it.
  std::vector<std::vector<Frames::Lent>> lent;
  for (size_t i = 0; i < chunk_count; ++i) {
    if (chunks_.front().cursor_save != 0) synced_cursor_save_ = chunks_.front().cursor_save;
    Frames frames = std::move(chunks_.front().frames);
    chunks_.pop_front();
    unsynced_bytes_ -= frames.size();
    if (!frames.lent().empty()) lent.push_back(frames.TakeLent());
    std::string buffer = frames.TakeBuffer();
    if (spare_buffers_.size() < kSpareBuffers && buffer.capacity() <= kSpareBufferBytes) {
      buffer.clear();
      spare_buffers_.push_back(std::move(buffer));
    }
  }
  written_chunks_ -= chunk_count;
  openings_.erase(openings_.begin(), openings_.upper_bound(last_sequence));
  shared_->SetSynced(last_sequence);
  quiet_.NotifyAll();
  if (last_sequence > shared_->last_written()) shared_->Publish(last_sequence);
  mutex_.Unlock();
  lent.clear();
  options_.on_synced(last_sequence);
  mutex_.Lock();
}

}  // namespace sluice::journal
