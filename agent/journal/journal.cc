// Problem: One thread numbers the entries and counts the bytes they take, while the sync thread may
// at any moment replace the segments in which they were counted. The disk may be read-only at start
// and may refuse at any time later.
//
// States: Open recovers the entries, without log_. Start makes log_, and from then on appends are
// taken. Append and AppendCursors add frames to turn_; CommitTurn gives turn_ to log_ and begins an
// empty one, then opens a segment when one is due. durability_ goes from kMemory to kSynced, by
// MoveToDisk, and never back.
//
// Invariants:
// * Append refuses before it gives a number. A numbered batch is in turn_ and reaches log_ with the
//   next CommitTurn, which cannot fail. A number without an entry would look like a lost write, and
//   recovery may end the journal at such a gap.
// * OpenSegment runs only while turn_ is empty. The checkpoint then says what all entries before it
//   led to, and nothing of those behind it. Otherwise a restart would apply some entries twice.
// * AbsorbNewSegments runs before bytes are charged. Where the disk refused at Start, retention_
//   has no segment to charge until then.
// * Header and PartialCheckpoint run on the sync thread too, so they read only constants and what
//   shared_ guards.

#include "agent/journal/journal.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/base/crc32c.h"
#include "agent/base/log.h"
#include "agent/base/retry_after.h"
#include "agent/base/status_macros.h"
#include "agent/base/user_of.h"
#include "agent/journal/location.h"
#include "agent/journal/recovery.h"
#include "agent/journal/retention.h"
#include "agent/journal/shared_state.h"
#include "agent/journal/synced_log.h"

namespace sluice::journal {
namespace {

// Space comes back when a sink goes on, which takes longer than a disk that catches up.
constexpr std::chrono::milliseconds kRetryWhenFull{1000};
constexpr std::chrono::milliseconds kRetryWhenBehind{50};
// A journal holds at least so many segments, so that old entries go in small steps.
constexpr uint64_t kMinSegments = 8;

uint64_t TenthOfFileSystem(const Options& options) {
  struct statvfs found;
  if (options.file_system->Statvfs(options.directory, &found) != 0) return UINT64_MAX;
  return uint64_t{found.f_blocks} * found.f_frsize / 10;
}

uint64_t PartOf(uint64_t bytes, double part) {
  return static_cast<uint64_t>(static_cast<double>(bytes) * part);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(Options options, RecoveryVisitor* visitor) {
  absl::StatusOr<Location> location = ChooseLocation(options);
  if (!location.ok()) return location.status();
  std::unique_ptr<Journal> journal(new Journal(options, *std::move(location)));
  absl::Status recovered = journal->RecoverEntries(visitor);
  if (recovered.ok()) return journal;
  location = FallBackToMemory(options, std::move(*journal->location_), recovered);
  if (!location.ok()) return location.status();
  journal.reset(new Journal(std::move(options), *std::move(location)));
  RETURN_IF_ERROR(journal->RecoverEntries(visitor));
  return journal;
}

absl::StatusOr<std::unique_ptr<Journal>> Journal::Look(Options options, RecoveryVisitor* visitor) {
  ASSIGN_OR_RETURN(Location location, LocationForReading(options));
  std::unique_ptr<Journal> journal(new Journal(std::move(options), std::move(location)));
  RETURN_IF_ERROR(journal->RecoverEntries(visitor, /*is_looking=*/true));
  return journal;
}

Journal::Journal(Options options, Location location)
    : options_(std::move(options)),
      location_(std::make_unique<Location>(std::move(location))),
      epoch_(location_->epoch),
      frame_seed_(FrameSeed(epoch_)),
      shared_(
          std::make_shared<SharedState>(options_.file_system, options_.counters, options_.boot_id)),
      retention_(std::make_unique<Retention>(shared_, options_.clock, Retention::Limits{})),
      turn_(std::make_unique<Chunk>(Chunk{.frames = Frames({}, options_.least_lent_bytes)})),
      durability_(location_->in_memory ? Durability::kMemory : Durability::kSynced) {
  options_.boot_id.resize(std::min(options_.boot_id.size(), kIdTextBytes - 1));
  shared_->SetEpoch(epoch_);
  SetLimits();
}

Journal::~Journal() {
  if (log_ == nullptr) return;
  CommitTurn();
  // Says that all before it is synced, so that damage is told from an unfinished write.
  if (log_->Drain()) Checkpoint();
}

absl::Status Journal::RecoverEntries(RecoveryVisitor* visitor, bool is_looking) {
  const uint64_t now = options_.clock->UnixNano();
  absl::StatusOr<Recovered> recovered =
      is_looking
          ? RecoverForReading(location_->segments, now, shared_.get(), visitor)
          : Recover(location_->segments, location_->active.path(), now, shared_.get(), visitor);
  if (!recovered.ok()) return Annotate(recovered.status(), "recover the journal");
  next_sequence_ = recovered->last_sequence + 1;
  shared_->SetSynced(recovered->last_sequence);
  shared_->Publish(recovered->last_sequence);
  for (const SharedState::SegmentPtr& segment : shared_->Segments()) {
    SegmentUsage& usage = recovered->checkpoint.segments[segment->first_sequence];
    if (absl::StartsWith(segment->path, location_->active.path() + "/")) {
      retention_->AddSegment(segment->first_sequence, std::move(usage));
    } else {
      uncounted_[segment->first_sequence] = std::move(usage);
    }
  }
  retention_->Prove(recovered->known_synced);
  bytes_ = retention_->bytes();
  OpenCursors(recovered->checkpoint.cursors);
  return absl::OkStatus();
}

void Journal::OpenCursors(const std::map<std::string, uint64_t>& recovered) {
  std::map<std::string, uint64_t> written = recovered;
  if (!options_.cursor_path.empty()) {
    auto file = CursorFile::Open(*options_.file_system, options_.cursor_path,
                                 Crc32c(options_.boot_id, Crc32c(epoch_.raw())));
    if (file.ok()) {
      for (const auto& [sink, cursor] : (*file)->cursors()) {
        written[sink] = std::max(written[sink], cursor);
      }
      shared_->SetCursorFile(*std::move(file));
    } else {
      LogWarning(absl::StrCat("journal: no cursor file: ", file.status().message()));
    }
  }
  for (const auto& [sink, cursor] : recovered) {
    shared_->Position(sink)->cursor = std::min(cursor, shared_->synced());
  }
  for (const auto& [sink, cursor] : written) {
    shared_->Position(sink)->written = std::min(cursor, shared_->synced());
  }
}

void Journal::SetLimits() {
  const bool in_memory = durability_ == Durability::kMemory;
  const uint64_t max_bytes = in_memory ? options_.max_memory_bytes
                                       : std::min(options_.max_bytes, TenthOfFileSystem(options_));
  max_bytes_ = max_bytes;
  segment_bytes_ = std::min(options_.segment_bytes, max_bytes / kMinSegments);
  Retention::Limits limits;
  limits.max_bytes = max_bytes;
  limits.keep_bytes = std::min(options_.keep_bytes, max_bytes / 4);
  limits.share_bytes = PartOf(max_bytes, options_.uid_share);
  limits.others_bytes = PartOf(max_bytes, 1 - options_.root_reserve);
  limits.segment_bytes = segment_bytes_;
  limits.max_age_nano = static_cast<uint64_t>(std::chrono::nanoseconds(options_.max_age).count());
  retention_->SetLimits(limits);
}

void Journal::Start(CheckpointSource checkpoint, SyncListener on_synced) {
  checkpoint_ = std::move(checkpoint);
  SyncedLog::Options log;
  log.directory = location_->active.path();
  log.group_delay = options_.group_delay;
  log.group_bytes = options_.group_bytes;
  log.retry_delay = options_.retry_delay;
  log.frame_seed = frame_seed_;
  log.header = [this](uint64_t first_sequence, uint32_t generation) {
    return Header(first_sequence, generation);
  };
  log.partial_checkpoint = [this](uint64_t next) { return PartialCheckpoint(next); };
  log.on_synced = std::move(on_synced);
  log_ = std::make_unique<SyncedLog>(shared_, std::move(log));
  OpenSegment();
  log_->Start();
}

absl::StatusOr<uint64_t> Journal::Append(uid_t uid, absl::Span<const std::string_view> payload,
                                         Urgency urgency, const Lender& lender) {
  uint64_t frame_bytes = kFrameHeaderBytes;
  for (const std::string_view part : payload) frame_bytes += part.size();
  if (frame_bytes > kFrameHeaderBytes + kMaxBatchPayloadBytes) {
    return absl::InvalidArgumentError(absl::StrCat("an entry of ", frame_bytes, " bytes"));
  }
  lacked_room_ = false;
  RETURN_IF_ERROR(CheckTakes(frame_bytes));
  RETURN_IF_ERROR(HaveRoom(uid, frame_bytes));
  retention_->Charge(next_sequence_, UserOf(uid), frame_bytes);
  AppendToTurn(EntryType::kBatch, uid, 0, payload, lender);
  turn_->is_urgent |= urgency == Urgency::kNow;
  unsynced_.Add(next_sequence_, uid, frame_bytes);
  return next_sequence_++;
}

absl::Status Journal::MakeRoom(uid_t uid, uint64_t bytes) {
  lacked_room_ = false;
  return HaveRoom(uid, bytes);
}

absl::Status Journal::HaveRoom(uid_t uid, uint64_t bytes) {
  AbsorbNewSegments();
  const absl::Status room = retention_->MakeRoom(UserOf(uid), bytes);
  if (absl::IsUnavailable(room)) {
    ProveIfLacking();
    lacked_room_ = true;
    return WithRetryAfter(room, kRetryWhenBehind);
  }
  return room.ok() ? room : WithRetryAfter(room, kRetryWhenFull);
}

bool Journal::IsMakingRoom() {
  if (!lacked_room_) return false;
  AbsorbNewSegments();
  return !log_->refuses() && (retention_->is_copying() || retention_->LacksProof());
}

UnsyncedShare::Bytes Journal::GetUnsynced(uid_t uid) {
  if (log_->refuses()) return {};
  unsynced_.Settle(shared_->synced());
  return unsynced_.Of(uid);
}

absl::Status Journal::CheckTakes(uint64_t frame_bytes) const {
  if (log_->refuses()) {
    return WithRetryAfter(
        absl::UnavailableError(absl::StrCat("the journal cannot write: ", log_->error())),
        options_.retry_delay);
  }
  if (log_->unsynced_bytes() + turn_->frames.size() + frame_bytes > options_.max_unsynced_bytes) {
    return WithRetryAfter(absl::UnavailableError("the disk is too far behind"), kRetryWhenBehind);
  }
  return absl::OkStatus();
}

void Journal::AppendToTurn(EntryType type, uid_t uid, uint8_t flags,
                           absl::Span<const std::string_view> payload, const Lender& lender) {
  if (turn_->frames.empty()) turn_->generation = log_->generation();
  turn_->frames.Append(NextHeader(type, uid, flags, turn_->generation), payload, frame_seed_,
                       lender);
}

// Under the number of the next batch.
FrameHeader Journal::NextHeader(EntryType type, uid_t uid, uint8_t flags,
                                uint32_t generation) const {
  FrameHeader header;
  header.generation = generation;
  header.sequence = next_sequence_;
  header.uid = uid;
  header.type = type;
  header.flags = flags;
  header.unsynced_before = static_cast<uint16_t>(
      std::min<uint64_t>(header.sequence - 1 - shared_->synced(), kManyUnsynced));
  return header;
}

void Journal::CommitTurn() {
  unsynced_.Settle(shared_->synced());
  AbsorbNewSegments();
  if (has_copied_) TrimSegments();
  if (turn_->frames.empty()) return;
  turn_->end_sequence = next_sequence_;
  log_->Write(std::move(*turn_));
  *turn_ = Chunk{.frames = Frames(log_->TakeBuffer(), options_.least_lent_bytes)};
  retention_->StampCurrent();
  bytes_ = retention_->bytes();
  if (log_->IsSegmentDue(segment_bytes_) && log_->MayOpenSegment()) {
    OpenSegment();
    TrimSegments();
  }
}

void Journal::SyncNow() { log_->SyncNow(); }

void Journal::Checkpoint() {
  // A disk that refuses takes no cursors either, and there may be no segment to count them in.
  if (!log_->refuses()) AppendCursors();
  turn_->is_urgent = true;
  CommitTurn();
}

bool Journal::SaveCursors() {
  if (log_->refuses() || Cursors() == saved_cursors_) return false;
  AppendCursors();
  CommitTurn();
  return true;
}

uint64_t Journal::SaveCursorsNow() {
  if (log_->refuses()) return 0;
  if (saved_as_ == 0 || Cursors() != saved_cursors_) AppendCursors();
  // A segment that opens now saves them anew.
  const uint64_t save = saved_as_;
  CommitTurn();
  SyncNow();
  return save;
}

uint64_t Journal::synced_cursor_save() const { return log_->synced_cursor_save(); }

void Journal::AppendCursors() {
  saved_cursors_ = Cursors();
  saved_as_ = turn_->cursor_save = ++last_save_;
  const std::string cursors = EncodeCheckpoint({saved_cursors_, {}});
  AbsorbNewSegments();
  const uint64_t synced = shared_->synced();
  last_save_proves_ = next_sequence_ - 1 - synced >= kManyUnsynced ? 0 : synced;
  retention_->ChargeState(next_sequence_, kFrameHeaderBytes + cursors.size());
  AppendToTurn(EntryType::kCheckpoint, 0, kPartialCheckpoint, {cursors});
}

// An entry that says what is synced by now, for what waits for that to be removed. One at a time.
void Journal::ProveIfLacking() {
  AbsorbNewSegments();
  if (!retention_->LacksProof() || log_->refuses()) return;
  if (log_->synced_cursor_save() != last_save_) return SyncNow();
  AppendCursors();
  turn_->is_urgent = true;
}

void Journal::OpenSegment() {
  AbsorbNewSegments();
  saved_cursors_ = Cursors();
  saved_as_ = 0;
  const std::string own = EncodeCheckpoint({saved_cursors_, retention_->segments()});
  const std::string state = checkpoint_();
  std::string opening;
  const uint32_t generation = MakeGeneration();
  if (own.size() + state.size() <= kMaxCheckpointPayloadBytes) {
    AppendFrame(NextHeader(EntryType::kCheckpoint, 0, 0, generation), {own, state}, frame_seed_,
                &opening);
  } else {
    LogWarning("journal: the state is too large for a checkpoint");
    AppendFrame(NextHeader(EntryType::kCheckpoint, 0, kPartialCheckpoint, generation), {own},
                frame_seed_, &opening);
  }
  log_->OpenSegment(next_sequence_, generation, std::move(opening), retention_->TakeSpare());
  AbsorbNewSegments();
}

void Journal::AbsorbNewSegments() {
  // Before the look: a segment that comes too late for it holds later entries alone.
  const uint64_t settled = shared_->synced();
  if (log_->has_new_segments()) {
    for (const SyncedLog::NewSegment& segment : log_->TakeNewSegments()) {
      retention_->BeginSegment(segment.first_sequence, segment.opening_bytes, segment.partial,
                               segment.known_synced);
    }
  }
  retention_->Settle(settled);
  if (last_save_ != 0 && log_->synced_cursor_save() == last_save_) {
    retention_->Prove(last_save_proves_);
  }
  has_copied_ |= retention_->AbsorbCopies();
}

void Journal::Trim() {
  ProveIfLacking();
  CommitTurn();
  // Else the oldest could never go, not even when the journal is full.
  if (retention_->RestsOnOldest() && log_->MayOpenSegment()) OpenSegment();
  TrimSegments();
}

void Journal::TrimSegments() {
  has_copied_ = false;
  retention_->Trim();
  bytes_ = retention_->bytes();
}

std::string Journal::Header(uint64_t first_sequence, uint32_t generation) const {
  SegmentHeader header;
  header.epoch = epoch_;
  header.boot_id = options_.boot_id;
  header.vm_id = options_.vm_id;
  header.machine_id = options_.machine_id;
  header.created_unix_nano = options_.clock->UnixNano();
  header.first_sequence = first_sequence;
  header.generation = generation;
  return EncodeSegmentHeader(header);
}

std::string Journal::PartialCheckpoint(uint64_t next_sequence) const {
  FrameHeader header;
  header.sequence = next_sequence;
  header.type = EntryType::kCheckpoint;
  header.flags = kPartialCheckpoint;
  std::string frame;
  AppendFrame(header, {EncodeCheckpoint({Cursors(), {}})}, frame_seed_, &frame);
  return frame;
}

std::map<std::string, uint64_t> Journal::Cursors() const {
  std::map<std::string, uint64_t> cursors;
  for (const auto& position : shared_->Positions()) cursors[position->sink] = position->cursor;
  return cursors;
}

absl::Status Journal::MoveToDisk() {
  if (durability_ == Durability::kSynced) return absl::OkStatus();
  if (!location_->read_only) {
    absl::StatusOr<Directory> disk = Directory::Open(*options_.file_system, options_.directory);
    if (!disk.ok()) return disk.status();
    location_->read_only = *std::move(disk);
  }
  const Directory& disk = *location_->read_only;
  RETURN_IF_ERROR(disk.CheckWritable());
  disk.RemoveLeftovers();
  RETURN_IF_ERROR(SetAsideOthers(options_, disk, epoch_));
  CommitTurn();
  retention_->FinishCopying();
  retention_->DropSpare();
  RETURN_IF_ERROR(
      log_->MoveTo(disk.path(), [&] { return location_->active.MoveSegmentsTo(disk); }));
  PointToDisk();
  return absl::OkStatus();
}

// The segments are on disk now; takes leave of the memory directory.
void Journal::PointToDisk() {
  for (const SharedState::SegmentPtr& segment : shared_->Segments()) {
    const std::string path =
        absl::StrCat(options_.directory, "/", SegmentName(segment->first_sequence));
    if (segment->path == path) continue;
    auto moved = std::make_shared<Segment>(segment->first_sequence, path);
    moved->end_offset = segment->end_offset.load();
    moved->end_sequence = segment->end_sequence.load();
    moved->removed_from = segment->removed_from;
    moved->sealed = segment->sealed.load();
    moved->durable = true;
    shared_->ReplaceSegment(std::move(moved));
  }
  location_->active = *std::move(location_->read_only);
  location_->read_only.reset();
  durability_ = Durability::kSynced;
  for (auto& [first, usage] : uncounted_) retention_->AddSegment(first, std::move(usage));
  uncounted_.clear();
  SetLimits();
  OpenSegment();
}

std::unique_ptr<Reader> Journal::OpenReader(const std::string& sink) {
  if (sink.empty()) {
    return std::unique_ptr<Reader>(new Reader(shared_, std::make_shared<SinkPosition>(sink)));
  }
  MutexLock lock(&readers_mutex_);
  const std::shared_ptr<SinkPosition> position = shared_->Position(sink);
  if (shared_->cursor_file() != nullptr && position->cursor_slot == CursorFile::kNoSlot) {
    position->cursor_slot = shared_->cursor_file()->SlotOf(sink);
  }
  return std::unique_ptr<Reader>(new Reader(shared_, position));
}

std::string Journal::epoch() const { return std::string(epoch_.raw()); }
Durability Journal::durability() const { return durability_; }
uint64_t Journal::synced_sequence() const { return shared_->synced(); }
uint64_t Journal::last_sequence() const { return shared_->last_written(); }

Usage Journal::GetUsage() const {
  Usage usage;
  usage.durability = durability_;
  usage.path =
      usage.durability == Durability::kMemory ? options_.memory_directory : options_.directory;
  usage.next_sequence = next_sequence_;
  usage.synced_sequence = shared_->synced();
  usage.bytes = bytes_;
  usage.max_bytes = max_bytes_;
  const std::vector<SharedState::SegmentPtr> segments = shared_->Segments();
  usage.segments = static_cast<uint32_t>(segments.size());
  usage.first_sequence = segments.empty() ? usage.next_sequence : segments.front()->first_sequence;
  if (log_ != nullptr) usage.error = log_->error();
  usage.set_aside = Directory::FindForeign(*options_.file_system, options_.directory);
  return usage;
}

}  // namespace sluice::journal
