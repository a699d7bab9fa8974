// Problem: The reader follows files that the writer extends, replaces, cuts, moves and removes
// meanwhile, and it reads without a lock. It must give each entry once and in order, and tell an
// entry that is damaged from one that is still to come.
//
// States: Without a segment it looks for the one that holds next_sequence_ (OpenSegment). In a
// segment it reads up to end_offset. At the end of a sealed one it leaves it; at the end of any
// other it waits. When the segment is gone it looks anew. At unreadable bytes it waits until the
// entry that it misses counts as synced, and then goes on at the next sound one (SkipDamage).
//
// Invariants:
// * next_sequence_ alone decides what is given, never the place in a file. So a segment may be
//   opened again from its beginning, and an entry that stands in two files is given once.
// * Next takes `progress` before it looks. What is written between the look and the wait then ends
//   the wait; otherwise the entry would lie until the next one comes or the deadline.
// * Next loads `sealed` before `end_offset`. In the other order it could leave a segment whose last
//   entries came between the two loads.
// * Missing numbers are counted where next_sequence_ moves past them: at a later entry, at the end
//   of a segment, and where a file has vanished. So each is counted once.

#include "agent/journal/reader.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "agent/base/log.h"
#include "agent/base/status_macros.h"
#include "agent/journal/segment_reader.h"
#include "agent/journal/shared_state.h"

namespace sluice::journal {
namespace {

// Who only looks waits so long for a file that is being replaced.
constexpr std::chrono::milliseconds kReplacing{100};

}  // namespace

Reader::Reader(std::shared_ptr<SharedState> shared, std::shared_ptr<SinkPosition> position)
    : shared_(std::move(shared)),
      position_(std::move(position)),
      stored_cursor_(position_->written) {
  position_->has_reader = true;
}

Reader::~Reader() { position_->has_reader = false; }

std::string Reader::Restore(uint64_t cursor, bool rebuilds) {
  segment_ = nullptr;
  file_ = nullptr;
  replay_until_ = cursor;
  forgotten_ = 0;
  next_sequence_ = cursor + 1;
  const std::vector<std::shared_ptr<Segment>> segments = shared_->Segments();
  auto candidate = std::upper_bound(
      segments.begin(), segments.end(), rebuilds ? cursor : cursor + 1,
      [](uint64_t sequence, const auto& segment) { return sequence < segment->first_sequence; });
  if (candidate == segments.begin()) {
    return segments.empty() ? std::string() : RestoreFrom(segments.front());
  }
  while (candidate != segments.begin()) {
    std::string checkpoint = RestoreFrom(*--candidate);
    if (!checkpoint.empty()) return checkpoint;
  }
  return {};
}

// Empty: the segment opens without a whole checkpoint.
std::string Reader::RestoreFrom(const std::shared_ptr<Segment>& segment) {
  next_sequence_ = segment->first_sequence;
  const auto file = SegmentReader::Open(shared_->fs, segment->path, shared_->epoch());
  if (!file.ok()) return {};
  const std::optional<Frame> first = (*file)->Read(segment->end_offset.load());
  if (!first || first->header.type != EntryType::kCheckpoint) return {};
  if (first->header.flags & kPartialCheckpoint) return {};
  return (*file)->Payload(*first);
}

void Reader::StartAt(uint64_t sequence, uint64_t offset) {
  segment_ = nullptr;
  replay_until_ = 0;
  forgotten_ = 0;
  next_sequence_ = sequence;
  if (!OpenSegment()) return;
  const uint64_t begin = file_->offset();
  file_->Seek(offset);
  const std::optional<Frame> frame = file_->Read(segment_->end_offset.load());
  const bool is_there =
      frame && frame->header.type == EntryType::kBatch && frame->header.sequence == sequence;
  file_->Seek(is_there ? offset : begin);
}

std::optional<Entry> Reader::Next(std::chrono::steady_clock::time_point deadline) {
  bool has_looked_again = false;
  while (true) {
    const uint64_t seen = shared_->progress();
    if (segment_ != nullptr && segment_->gone.load()) segment_ = nullptr;
    if (segment_ != nullptr || OpenSegment()) {
      const bool was_sealed = segment_->sealed.load();
      const uint64_t end = segment_->end_offset.load(std::memory_order_acquire);
      if (std::optional<Entry> entry = ReadEntry(end)) return entry;
      if (file_->offset() < end) {
        if (SkipDamage(end)) continue;
      } else if (was_sealed) {
        LeaveSegment();
        continue;
      }
    }
    if (shared_->WaitForProgress(seen, &position_->woken, deadline)) continue;
    // While a segment's file is replaced it cannot be opened, and is not the journal's end.
    const bool is_hidden = segment_ == nullptr && shared_->FindSegment(next_sequence_) != nullptr;
    if (!is_hidden || std::exchange(has_looked_again, true)) return std::nullopt;
    deadline = std::max(deadline, std::chrono::steady_clock::now() + kReplacing);
  }
}

void Reader::Commit(uint64_t sequence) {
  // What may have gone already is not asked for again.
  if (sequence > position_->cursor.load()) {
    position_->cursor.store(sequence, std::memory_order_release);
  }
  MarkWritten(sequence);
}

void Reader::MarkWritten(uint64_t sequence) {
  position_->written = sequence;
  if (position_->cursor_slot == CursorFile::kNoSlot) return;
  const absl::Status stored = shared_->cursor_file()->Store(position_->cursor_slot, sequence);
  if (!stored.ok()) shared_->Count("journal.cursor_errors", position_->sink, 1);
}

void Reader::Wake() {
  position_->woken = true;
  shared_->Wake();
}

bool Reader::OpenSegment() {
  const std::shared_ptr<Segment> segment = shared_->FindSegment(next_sequence_);
  if (segment == nullptr) return false;
  absl::StatusOr<std::unique_ptr<SegmentReader>> file =
      SegmentReader::Open(shared_->fs, segment->path, shared_->epoch());
  if (absl::IsNotFound(file.status()) && segment->sealed && !segment->gone) {
    LogError(absl::StrCat("journal: a segment vanished: ", file.status().message()));
    CountMissing(segment->end_sequence);
    next_sequence_ = segment->end_sequence;
    return OpenSegment();
  }
  if (!file.ok()) return false;
  segment_ = segment;
  file_ = *std::move(file);
  this_boot_ = file_->header() && file_->header()->boot_id == shared_->boot_id;
  is_sparse_ = file_->header() && (file_->header()->kind & kSparse) != 0;
  next_sequence_ = std::max(next_sequence_, segment->first_sequence);
  return true;
}

// Goes on behind a segment that was read to its end.
void Reader::LeaveSegment() {
  const uint64_t end_sequence = segment_->end_sequence.load();
  if (next_sequence_ < end_sequence) {
    CountMissing(std::min(end_sequence, segment_->removed_from));
    next_sequence_ = end_sequence;
  }
  segment_ = nullptr;
}

std::optional<Entry> Reader::ReadEntry(uint64_t end) {
  const uint64_t end_sequence = segment_->end_sequence.load();
  while (const std::optional<Frame> frame = file_->Read(end)) {
    const uint64_t sequence = frame->header.sequence;
    if (frame->header.type != EntryType::kBatch || sequence < next_sequence_) continue;
    if (sequence >= end_sequence) {
      file_->Seek(end);
      return std::nullopt;
    }
    const std::optional<BatchView> batch = ReadBatch(frame->payload);
    if (!batch) continue;  // counted with the next one
    CountMissing(sequence);
    next_sequence_ = sequence + 1;
    position_->given.store(sequence, std::memory_order_relaxed);
    const bool is_first =
        std::exchange(given_segment_, segment_->first_sequence) != segment_->first_sequence;
    Entry entry{.sequence = sequence,
                .uid = frame->header.uid,
                .this_boot = this_boot_,
                .replayed = sequence <= replay_until_,
                .batch = *batch,
                .forgotten_before = std::exchange(forgotten_, 0),
                .begins_segment = is_first,
                .offset = frame->offset,
                .block = &file_->block()};
    if (file_->header()) entry.boot_id = file_->header()->boot_id;
    return entry;
  }
  return std::nullopt;
}

// Returns false when there is nothing to do but wait: what is not synced yet may be lost to a
// failed sync, and is written again elsewhere.
bool Reader::SkipDamage(uint64_t end) {
  if (next_sequence_ > shared_->synced()) return false;
  if (shared_->FindSegment(next_sequence_) != segment_) {
    segment_ = nullptr;
    return true;
  }
  file_->Resynchronize(end, next_sequence_, segment_->end_sequence.load() - 1);
  return true;
}

// Entries from the next expected one to before `next` are damaged, or were not kept.
void Reader::CountMissing(uint64_t next) {
  if (next <= next_sequence_) return;
  if (is_sparse_) {
    forgotten_ += next - next_sequence_;
    return;
  }
  shared_->Count("journal.damaged", position_->sink.empty() ? "view" : position_->sink,
                 next - next_sequence_);
}

}  // namespace sluice::journal
