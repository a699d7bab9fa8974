// Problem: After a crash no file says how far it was synced; only later entries do
// (unsynced_before). To read the whole journal would delay each start. And the agent may be killed
// again while it recovers.
//
// States: Segments go from paths_, which are not read, to tail_, which are. ScanTail takes the
// newest until an entry proves that all before tail_ was synced. FindEnd ends the journal at the
// first gap that may be an undone write. ScanBackToCheckpoint takes more until a whole checkpoint
// is in tail_. MakeDurable writes the unproven part again and cuts off what is not kept. Publish
// shows the segments to readers. Visit gives the state and the entries to the caller.
//
// Invariants:
// * Each batch stands in tail_ once. Where two segments have it, the later one counts: what was
//   written again after a failure may still stand in the segment before, and would be applied
//   twice.
// * No file changes before MakeDurable, and there nothing is cut or unlinked before all copies and
//   their names are synced. So a crash in between loses nothing.
// * known_synced_ is final once FindEnd runs: segments further back say nothing newer. So "proven"
//   means the same in FindEnd and in MakeDurable.
// * A Frame in tail_ has no payload, since its view ends with the next read. Visit and the others
//   read it again, so memory does not grow with the payloads.

#include "agent/journal/recovery.h"

#include <fcntl.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "agent/base/status_macros.h"
#include "agent/base/user_of.h"
#include "agent/journal/segment_file.h"
#include "agent/journal/segment_reader.h"

namespace sluice::journal {
namespace {

// One segment read from end to end.
struct ScannedSegment {
  uint64_t first_sequence = 0;
  std::string path;
  std::unique_ptr<SegmentReader> file;
  uint64_t file_bytes = 0;
  std::vector<Frame> frames;  // without payloads
  // The last entry of any segment known to be synced when one of these was written.
  uint64_t known_synced = 0;

  bool has_whole_checkpoint() const {
    return std::any_of(frames.begin(), frames.end(), [](const Frame& frame) {
      return frame.header.type == EntryType::kCheckpoint &&
             (frame.header.flags & kPartialCheckpoint) == 0;
    });
  }
  // Readable bytes: up to the last entry kept.
  uint64_t end_offset() const {
    return frames.empty() ? kSegmentHeaderBytes : frames.back().end_offset();
  }
  SegmentUsage Usage(uint64_t now_unix_nano) const {
    SegmentUsage usage{end_offset(), now_unix_nano, {}, !has_whole_checkpoint()};
    for (const Frame& frame : frames) {
      if (frame.header.type != EntryType::kBatch) continue;
      usage.bytes_by_uid[UserOf(frame.header.uid)] += frame.header.frame_bytes();
    }
    if (is_sparse()) {
      usage.sparse = SparseUse::kGrows;
      usage.generation = file->header()->generation;
    }
    return usage;
  }
  bool is_sparse() const { return file->header() && (file->header()->kind & kSparse) != 0; }
};

class Recovery {
 public:
  Recovery(const std::map<uint64_t, std::string>& segments, SharedState* shared)
      : shared_(*shared) {
    for (const auto& segment : segments) paths_.push_back(segment);
  }

  absl::Status ScanTail();
  void FindEnd();
  absl::Status ScanBackToCheckpoint();
  absl::Status MakeDurable(const std::string& directory);
  absl::StatusOr<Recovered> Publish(const std::string& directory, uint64_t now_unix_nano);
  void Visit(RecoveryVisitor* visitor);

 private:
  absl::StatusOr<ScannedSegment> Scan(uint64_t first_sequence, const std::string& path) const;
  bool HasWholeCheckpoint() const;
  uint64_t LimitOf(size_t index) const;
  void KeepUpTo(ScannedSegment* segment, uint64_t limit);
  bool IsProven(const Frame& frame) const;
  absl::StatusOr<ScannedSegment> WriteAgain(ScannedSegment* segment, size_t proven,
                                            const std::string& directory);
  absl::Status Cut(const ScannedSegment& segment) const;
  JournalCheckpoint ReadCheckpoints();
  absl::StatusOr<SegmentUsage> AddUnscanned(size_t index,
                                            const std::map<uint64_t, SegmentUsage>& known,
                                            const std::string& directory, uint64_t now_unix_nano);
  uint64_t FirstBehind(size_t index) const;
  absl::StatusOr<ScannedSegment> ScanSparse(size_t index, const std::string& directory) const;
  void AddSegment(uint64_t first_sequence, const std::string& path, uint64_t end_offset,
                  uint64_t removed_from = UINT64_MAX);
  void VisitEntry(ScannedSegment* segment, const Frame& frame, RecoveryVisitor* visitor);

  SharedState& shared_;
  // Not scanned, oldest first.
  std::vector<std::pair<uint64_t, std::string>> paths_;
  std::deque<ScannedSegment> tail_;
  uint64_t known_synced_ = 0;
  uint64_t next_sequence_ = 1;
  uint64_t damaged_ = 0;
  bool is_cut_ = false;
};

bool LiesIn(const std::string& path, const std::string& directory) {
  return path.substr(0, path.rfind('/')) == directory;
}

absl::StatusOr<ScannedSegment> Recovery::Scan(uint64_t first_sequence,
                                              const std::string& path) const {
  absl::StatusOr<std::unique_ptr<SegmentReader>> file =
      SegmentReader::Open(shared_.fs, path, shared_.epoch());
  if (!file.ok()) return file.status();
  ScannedSegment segment;
  segment.first_sequence = first_sequence;
  segment.path = path;
  segment.file = *std::move(file);
  const absl::StatusOr<uint64_t> bytes = segment.file->FileBytes();
  if (!bytes.ok()) return bytes.status();
  segment.file_bytes = *bytes;
  while (segment.file->offset() < segment.file_bytes) {
    std::optional<Frame> frame = segment.file->Read(segment.file_bytes);
    if (!frame) {
      segment.file->Resynchronize(segment.file_bytes, first_sequence, UINT64_MAX);
      continue;
    }
    if (frame->header.sequence < first_sequence) break;  // of an earlier use: none of its own
    frame->payload = {};
    segment.known_synced = std::max(segment.known_synced, frame->header.known_synced());
    segment.frames.push_back(*frame);
  }
  return segment;
}

bool Recovery::HasWholeCheckpoint() const {
  return std::any_of(tail_.begin(), tail_.end(),
                     [](const ScannedSegment& segment) { return segment.has_whole_checkpoint(); });
}

// Back to a segment whose predecessors are known to be synced.
absl::Status Recovery::ScanTail() {
  while (!paths_.empty()) {
    const auto [first_sequence, path] = paths_.back();
    absl::StatusOr<ScannedSegment> segment = Scan(first_sequence, path);
    if (!segment.ok()) return segment.status();
    known_synced_ = std::max(known_synced_, segment->known_synced);
    if (segment->is_sparse() && !tail_.empty()) {
      // Nothing is copied before a later entry says so.
      known_synced_ = std::max(known_synced_, tail_.front().first_sequence - 1);
      break;
    }
    paths_.pop_back();
    tail_.push_front(*std::move(segment));
    if (known_synced_ + 1 >= first_sequence) break;
  }
  return absl::OkStatus();
}

void Recovery::FindEnd() {
  if (tail_.empty()) return;
  // Segments before the first may never have reached the disk.
  is_cut_ = known_synced_ + 1 < tail_.front().first_sequence;
  next_sequence_ = std::min(known_synced_ + 1, tail_.front().first_sequence);
  for (size_t i = 0; i < tail_.size(); ++i) {
    if (is_cut_) {
      tail_[i].frames.clear();
    } else {
      KeepUpTo(&tail_[i], LimitOf(i));
    }
  }
}

// One past the last sequence that `tail_[index]` is read for.
uint64_t Recovery::LimitOf(size_t index) const {
  for (size_t next = index + 1; next < tail_.size(); ++next) {
    if (!tail_[next].frames.empty()) return tail_[next].first_sequence;
  }
  return UINT64_MAX;
}

// Keeps the frames that carry on from next_sequence_, up to `limit` or to the first gap behind what
// is known to be synced.
void Recovery::KeepUpTo(ScannedSegment* segment, uint64_t limit) {
  size_t kept = 0;
  for (; kept < segment->frames.size(); ++kept) {
    const FrameHeader& header = segment->frames[kept].header;
    const bool is_batch = header.type == EntryType::kBatch;
    if (is_batch && header.sequence >= limit) break;
    if (header.sequence > next_sequence_) {
      is_cut_ = header.sequence - 1 > known_synced_;
      if (is_cut_) break;
      if (!segment->is_sparse()) damaged_ += header.sequence - next_sequence_;
      next_sequence_ = header.sequence;
    }
    if (is_batch) next_sequence_ = header.sequence + 1;
  }
  segment->frames.resize(kept);
}

absl::Status Recovery::ScanBackToCheckpoint() {
  while (!HasWholeCheckpoint() && !paths_.empty()) {
    const auto [first_sequence, path] = paths_.back();
    absl::StatusOr<ScannedSegment> segment = Scan(first_sequence, path);
    if (!segment.ok()) return segment.status();
    if (segment->is_sparse()) break;  // it has none, and neither has what was before
    paths_.pop_back();
    const uint64_t limit = tail_.empty() ? UINT64_MAX : tail_.front().first_sequence;
    std::erase_if(segment->frames,
                  [&](const Frame& frame) { return frame.header.sequence >= limit; });
    tail_.push_front(*std::move(segment));
  }
  return absl::OkStatus();
}

// Whether it was synced before a later entry was written. What comes behind may be in the page
// cache alone, of a disk that failed to write it and says nothing any more: it is read from there,
// and a sync of its file succeeds.
bool Recovery::IsProven(const Frame& frame) const {
  const bool is_batch = frame.header.type == EntryType::kBatch;
  return frame.header.sequence <= known_synced_ + (is_batch ? 0 : 1);
}

// Writes what is not proven to be synced to new segments in `directory`, and syncs them: from here
// on everything found is durable. A segment that begins with it keeps its name, so that the new one
// takes its place; otherwise the new one begins behind what is proven.
absl::Status Recovery::MakeDurable(const std::string& directory) {
  std::deque<ScannedSegment> durable;
  for (ScannedSegment& segment : tail_) {
    const auto unproven =
        segment.first_sequence > known_synced_
            ? segment.frames.begin()
            : std::find_if(segment.frames.begin(), segment.frames.end(),
                           [this](const Frame& frame) { return !IsProven(frame); });
    const size_t proven = static_cast<size_t>(unproven - segment.frames.begin());
    std::optional<ScannedSegment> again;
    if (unproven != segment.frames.end()) {
      absl::StatusOr<ScannedSegment> written = WriteAgain(&segment, proven, directory);
      if (!written.ok()) return written.status();
      again = *std::move(written);
      segment.frames.resize(proven);
    }
    if (!again || again->first_sequence != segment.first_sequence) {
      durable.push_back(std::move(segment));
    }
    if (again) durable.push_back(*std::move(again));
  }
  tail_ = std::move(durable);
  if (tail_.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(SyncDirectory(shared_.fs, directory));
  for (const ScannedSegment& segment : tail_) {
    if (LiesIn(segment.path, directory)) RETURN_IF_ERROR(Cut(segment));
  }
  return SyncDirectory(shared_.fs, directory);
}

absl::StatusOr<ScannedSegment> Recovery::WriteAgain(ScannedSegment* segment, size_t proven,
                                                    const std::string& directory) {
  const uint64_t first_sequence = proven == 0 ? segment->first_sequence : known_synced_ + 1;
  SegmentHeader header;
  header.epoch = shared_.epoch();
  if (segment->file->header()) header = *segment->file->header();
  header.first_sequence = first_sequence;
  header.generation = MakeGeneration();
  std::string content = EncodeSegmentHeader(header);
  const uint32_t seed = FrameSeed(header.epoch);
  if (segment->frames[proven].header.type != EntryType::kCheckpoint) {
    FrameHeader opening;
    opening.sequence = first_sequence;
    opening.type = EntryType::kCheckpoint;
    opening.flags = kPartialCheckpoint;
    opening.generation = header.generation;
    AppendFrame(opening, {}, seed, &content);
  }
  for (size_t i = proven; i < segment->frames.size(); ++i) {
    FrameHeader frame = segment->frames[i].header;
    frame.generation = header.generation;
    const std::string payload = segment->file->Payload(segment->frames[i]);
    if (payload.size() != frame.payload_bytes) {
      return absl::DataLossError(absl::StrCat("cannot read ", segment->path));
    }
    AppendFrame(frame, {payload}, seed, &content);
  }
  const auto file =
      SegmentFile::CreateAside(shared_.fs, directory, first_sequence, header.generation, content);
  if (!file.ok()) return file.status();
  if (const absl::Status installed = (*file)->Install(); !installed.ok()) {
    (*file)->RemoveAside();
    return installed;
  }
  return Scan(first_sequence, (*file)->segment()->path);
}

absl::Status Recovery::Cut(const ScannedSegment& segment) const {
  if (segment.frames.empty()) {
    if (shared_.fs.Unlink(segment.path) == 0) return absl::OkStatus();
    return ErrnoStatus(absl::StrCat("unlink ", segment.path));
  }
  const absl::StatusOr<UniqueFd> file = OpenFile(shared_.fs, segment.path, O_RDWR);
  if (!file.ok()) return file.status();
  if (segment.end_offset() < segment.file_bytes &&
      shared_.fs.Ftruncate(file->get(), segment.end_offset()) != 0) {
    return ErrnoStatus(absl::StrCat("cut ", segment.path));
  }
  if (shared_.fs.Fdatasync(file->get()) == 0) return absl::OkStatus();
  return ErrnoStatus(absl::StrCat("fdatasync ", segment.path));
}

absl::StatusOr<Recovered> Recovery::Publish(const std::string& directory, uint64_t now_unix_nano) {
  shared_.Count("journal.damaged", "recovery", damaged_);
  Recovered recovered;
  recovered.last_sequence = next_sequence_ - 1;
  recovered.checkpoint = ReadCheckpoints();
  const auto known = std::exchange(recovered.checkpoint.segments, {});
  for (size_t i = 0; i < paths_.size(); ++i) {
    absl::StatusOr<SegmentUsage> usage = AddUnscanned(i, known, directory, now_unix_nano);
    if (!usage.ok()) return usage.status();
    recovered.checkpoint.segments[paths_[i].first] = *std::move(usage);
  }
  for (const ScannedSegment& segment : tail_) {
    if (segment.frames.empty()) continue;
    for (const Frame& frame : segment.frames) {
      recovered.known_synced = std::max(recovered.known_synced, frame.header.known_synced());
    }
    AddSegment(segment.first_sequence, segment.path, segment.end_offset());
    recovered.checkpoint.segments[segment.first_sequence] = segment.Usage(now_unix_nano);
  }
  const std::vector<SharedState::SegmentPtr> segments = shared_.Segments();
  if (!segments.empty()) segments.back()->end_sequence = next_sequence_;
  for (auto& [first_sequence, usage] : recovered.checkpoint.segments) {
    if (usage.end_sequence == 0)
      usage.end_sequence = shared_.SegmentAt(first_sequence)->end_sequence;
  }
  return recovered;
}

// `paths_[index]`, which is read only where it is sparse and not as the checkpoint says.
absl::StatusOr<SegmentUsage> Recovery::AddUnscanned(size_t index,
                                                    const std::map<uint64_t, SegmentUsage>& known,
                                                    const std::string& directory,
                                                    uint64_t now_unix_nano) {
  const auto& [first_sequence, path] = paths_[index];
  const auto file = SegmentReader::Open(shared_.fs, path, shared_.epoch());
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> bytes = (*file)->FileBytes();
  if (!bytes.ok()) return bytes.status();
  const auto found = known.find(first_sequence);
  const std::optional<SegmentHeader>& header = (*file)->header();
  const bool is_sparse = header && (header->kind & kSparse) != 0;
  const bool is_known =
      found != known.end() && (!is_sparse || (found->second.generation == header->generation &&
                                              found->second.bytes == *bytes &&
                                              found->second.end_sequence <= FirstBehind(index)));
  if (is_known) {
    SegmentUsage usage = found->second;
    if (is_sparse) usage.sparse = SparseUse::kGrows;
    AddSegment(first_sequence, path, *bytes,
               usage.end_sequence == 0 ? UINT64_MAX : usage.end_sequence);
    return usage;
  }
  if (!is_sparse && known.empty()) {
    AddSegment(first_sequence, path, *bytes);
    return SegmentUsage{*bytes, now_unix_nano, {}, false};
  }
  // Where it is not sparse, it was removed, and a power cut has undone that; what followed it may
  // be gone for good.
  const auto segment = is_sparse ? ScanSparse(index, directory) : Scan(first_sequence, path);
  if (!segment.ok()) return segment.status();
  AddSegment(first_sequence, path, is_sparse ? segment->end_offset() : *bytes,
             is_sparse ? UINT64_MAX : first_sequence);
  SegmentUsage usage =
      segment->Usage(found == known.end() ? now_unix_nano : found->second.newest_unix_nano);
  if (!is_sparse) usage.bytes = *bytes;
  return usage;
}

// The first sequence of the segment behind `paths_[index]`.
uint64_t Recovery::FirstBehind(size_t index) const {
  if (index + 1 < paths_.size()) return paths_[index + 1].first;
  for (const ScannedSegment& segment : tail_) {
    if (!segment.frames.empty()) return segment.first_sequence;
  }
  return UINT64_MAX;
}

// Where the last copy to it was cut short, what was copied is in the next segment still.
absl::StatusOr<ScannedSegment> Recovery::ScanSparse(size_t index,
                                                    const std::string& directory) const {
  absl::StatusOr<ScannedSegment> segment = Scan(paths_[index].first, paths_[index].second);
  if (!segment.ok() || segment->frames.empty()) return segment;
  const uint64_t limit = FirstBehind(index);
  uint64_t next_sequence = segment->first_sequence;
  size_t kept = 0;
  for (; kept < segment->frames.size(); ++kept) {
    const FrameHeader& header = segment->frames[kept].header;
    if (header.type != EntryType::kBatch) continue;
    if (header.sequence >= limit || header.sequence < next_sequence) break;
    next_sequence = header.sequence + 1;
  }
  segment->frames.resize(kept);
  if (segment->end_offset() < segment->file_bytes && LiesIn(segment->path, directory)) {
    if (const absl::Status cut = Cut(*segment); !cut.ok()) return cut;
  }
  return segment;
}

void Recovery::AddSegment(uint64_t first_sequence, const std::string& path, uint64_t end_offset,
                          uint64_t removed_from) {
  auto segment = std::make_shared<Segment>(first_sequence, path);
  segment->removed_from = removed_from;
  segment->end_offset = end_offset;
  segment->sealed = true;
  segment->durable = true;
  shared_.AddSegment(std::move(segment));
}

// The newest cursors, and what the newest whole checkpoint says of the segments before it.
JournalCheckpoint Recovery::ReadCheckpoints() {
  JournalCheckpoint newest;
  for (ScannedSegment& segment : tail_) {
    for (const Frame& frame : segment.frames) {
      if (frame.header.type != EntryType::kCheckpoint) continue;
      JournalCheckpoint checkpoint = DecodeCheckpoint(segment.file->Payload(frame));
      for (const auto& [sink, cursor] : checkpoint.cursors) {
        uint64_t& known = newest.cursors[sink];
        known = std::max(known, cursor);
      }
      if (!checkpoint.segments.empty()) newest.segments = std::move(checkpoint.segments);
    }
  }
  return newest;
}

void Recovery::Visit(RecoveryVisitor* visitor) {
  auto from = tail_.end();
  while (from != tail_.begin() && (from == tail_.end() || !from->has_whole_checkpoint())) --from;
  for (; from != tail_.end(); ++from) {
    for (const Frame& frame : from->frames) {
      if (frame.header.type == EntryType::kBatch) {
        VisitEntry(&*from, frame, visitor);
      } else if ((frame.header.flags & kPartialCheckpoint) == 0) {
        visitor->OnCheckpoint(from->file->Payload(frame));
      }
    }
  }
}

void Recovery::VisitEntry(ScannedSegment* segment, const Frame& frame, RecoveryVisitor* visitor) {
  segment->file->Seek(frame.offset);
  const std::optional<Frame> entry = segment->file->Read(segment->end_offset());
  const std::optional<BatchView> batch = entry ? ReadBatch(entry->payload) : std::nullopt;
  if (!batch) {
    shared_.Count("journal.damaged", "recovery", 1);
    return;
  }
  const std::optional<SegmentHeader>& header = segment->file->header();
  const bool this_boot = header && header->boot_id == shared_.boot_id;
  visitor->OnEntry({frame.header.sequence, frame.header.uid, this_boot, true, *batch});
}

}  // namespace

absl::StatusOr<Recovered> Recover(const std::map<uint64_t, std::string>& segments,
                                  const std::string& directory, uint64_t now_unix_nano,
                                  SharedState* shared, RecoveryVisitor* visitor) {
  Recovery recovery(segments, shared);
  RETURN_IF_ERROR(recovery.ScanTail());
  recovery.FindEnd();
  RETURN_IF_ERROR(recovery.ScanBackToCheckpoint());
  RETURN_IF_ERROR(recovery.MakeDurable(directory));
  absl::StatusOr<Recovered> recovered = recovery.Publish(directory, now_unix_nano);
  if (recovered.ok()) recovery.Visit(visitor);
  return recovered;
}

absl::StatusOr<Recovered> RecoverForReading(const std::map<uint64_t, std::string>& segments,
                                            uint64_t now_unix_nano, SharedState* shared,
                                            RecoveryVisitor* visitor) {
  Recovery recovery(segments, shared);
  RETURN_IF_ERROR(recovery.ScanTail());
  recovery.FindEnd();
  RETURN_IF_ERROR(recovery.ScanBackToCheckpoint());
  // Files are cut in the directory that is ours, which none is here.
  absl::StatusOr<Recovered> recovered = recovery.Publish(/*directory=*/"", now_unix_nano);
  if (recovered.ok()) recovery.Visit(visitor);
  return recovered;
}

}  // namespace sluice::journal
