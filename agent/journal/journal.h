// The durable queue between admission and the sinks: batches in, one sequence number each, synced,
// read by any number of readers. docs/journal.md has the format and the rules.
//
// Life cycle: Open recovers what is there; Start opens a segment of its own; then Append any number
// of batches and CommitTurn, for ever. Readers may come and go at any time, and outlive the
// journal.
//
// Threads: one thread (the ingest thread) calls everything that is not marked thread-safe. A sync
// thread of the journal's own makes entries durable and reports how far it came.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "agent/base/mutex.h"
#include "agent/journal/frames.h"
#include "agent/journal/options.h"
#include "agent/journal/reader.h"
#include "agent/journal/unsynced_share.h"
#include "agent/journal/usage.h"

namespace sluice::journal {

enum class Urgency {
  kGrouped,  // synced within Options::group_delay or group_bytes
  kNow,      // synced as soon as written
};

// What the caller rebuilds its state from when the journal opens.
class RecoveryVisitor {
 public:
  virtual ~RecoveryVisitor() = default;
  // First, at most once: an encoded sluice.disk.v1.Checkpoint.
  virtual void OnCheckpoint(std::string_view checkpoint) = 0;
  // Every entry after that checkpoint, in order.
  virtual void OnEntry(const Entry& entry) = 0;
};

struct Chunk;
struct Location;
struct SegmentUsage;
class Retention;
class SyncedLog;

class Journal {
 public:
  // Encoded sluice.disk.v1.Checkpoint without cursors and segments, of the state after the last
  // Append.
  using CheckpointSource = std::function<std::string()>;
  // Every entry up to `sequence` is durable.
  using SyncListener = std::function<void(uint64_t sequence)>;

  // Reads the newest checkpoint and what follows it; nothing older. ALREADY_EXISTS: another agent
  // holds this journal.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(Options options, RecoveryVisitor* visitor);
  // For looking at what is there now, whoever wrote it; nothing is opened for writing nor locked.
  // Only OpenReader and what is thread-safe may be called. NOT_FOUND, FAILED_PRECONDITION: there is
  // none, or it is of another release.
  static absl::StatusOr<std::unique_ptr<Journal>> Look(Options options, RecoveryVisitor* visitor);
  // Writes and syncs what was appended, as far as the disk lets it.
  ~Journal();

  // `checkpoint` is called on the ingest thread whenever a segment opens (by Start and CommitTurn),
  // `on_synced` on the sync thread (by MoveToDisk on its caller's). A disk that refuses is no error
  // here: Append says so.
  void Start(CheckpointSource checkpoint, SyncListener on_synced);

  // Takes one batch whose encoded JournalBatch is `payload`, concatenated, and returns its sequence
  // number. Durable only once the listener says so. Long pieces within the lender's bytes may stay
  // there, whose owner is then held until right before the listener is called; all else is copied.
  //   INVALID_ARGUMENT: larger than kMaxBatchPayloadBytes.
  //   RESOURCE_EXHAUSTED: the journal is full and the user holds more than its share.
  //   UNAVAILABLE: the disk refuses, or is too far behind, or room is being made.
  // The last two say when to try again: RetryAfter (agent/base/retry_after.h). Nothing was taken.
  absl::StatusOr<uint64_t> Append(uid_t uid, absl::Span<const std::string_view> payload,
                                  Urgency urgency, const Lender& lender = {});

  // Has room for so much more of a user's, before entries of it are appended one by one; as Append.
  absl::Status MakeRoom(uid_t uid, uint64_t bytes);

  // Whether the last Append or MakeRoom found the journal full, with room to come by the next sync
  // or copy.
  bool lacked_room() const { return lacked_room_; }
  // Whether it has not come yet.
  bool IsMakingRoom();

  // What waits for the disk, of `uid` and of all users; nothing where the disk refuses.
  UnsyncedShare::Bytes GetUnsynced(uid_t uid);

  // Writes what was appended since the last call, at once, and shows it to the readers. To be
  // called once per turn of the ingest loop. Where the write fails, entries stay in memory and are
  // written when the disk takes them again.
  void CommitTurn();

  // Has everything committed so far synced without delay. Thread-safe.
  void SyncNow();

  // Writes the readers' cursors into the journal and has them synced; for the end of the agent.
  void Checkpoint();

  // The same without haste, where a cursor has moved since they were last written: what a sink
  // wrote before that is not repeated after a power cut. Returns whether one had. To be called
  // about once a second while entries come in, and a few times afterwards.
  bool SaveCursors();

  // The same without delay: what a sink has committed by now is not repeated once
  // synced_cursor_save() reaches the number returned, which the sync listener is called for. No
  // entry is written where the last save says the same. 0: the disk refuses.
  uint64_t SaveCursorsNow();
  // Thread-safe.
  uint64_t synced_cursor_save() const;

  // kMemory only: takes the journal to Options::directory if that is writable now. OK when the
  // journal is on disk. May block for the time of writing and syncing max_memory_bytes.
  absl::Status MoveToDisk();

  // Lets go what is too old or consumed beyond keep_bytes, and writes the state down anew when only
  // the oldest segment has it whole. To be called about once a minute.
  void Trim();

  // A reader for the sink of this name, whose cursor holds entries back; with an empty name, a
  // reader that holds nothing back, for looking. At most one reader per name at a time.
  // Thread-safe.
  std::unique_ptr<Reader> OpenReader(const std::string& sink);

  // Names this journal's life: new when it is made, reset or set aside. 16 bytes. Thread-safe.
  std::string epoch() const;
  // Thread-safe.
  Durability durability() const;
  uint64_t synced_sequence() const;
  uint64_t last_sequence() const;
  Usage GetUsage() const;

 private:
  Journal(Options options, Location location);
  absl::Status RecoverEntries(RecoveryVisitor* visitor, bool is_looking = false);
  void OpenCursors(const std::map<std::string, uint64_t>& recovered);
  void SetLimits();
  absl::Status CheckTakes(uint64_t frame_bytes) const;
  absl::Status HaveRoom(uid_t uid, uint64_t bytes);
  void AppendToTurn(EntryType type, uid_t uid, uint8_t flags,
                    absl::Span<const std::string_view> payload, const Lender& lender = {});
  FrameHeader NextHeader(EntryType type, uid_t uid, uint8_t flags, uint32_t generation) const;
  void OpenSegment();
  void AppendCursors();
  void ProveIfLacking();
  void TrimSegments();
  void AbsorbNewSegments();
  std::string Header(uint64_t first_sequence, uint32_t generation) const;
  std::string PartialCheckpoint(uint64_t next_sequence) const;
  std::map<std::string, uint64_t> Cursors() const;
  void PointToDisk();

  Options options_;
  std::unique_ptr<Location> location_;
  const Epoch epoch_;
  const uint32_t frame_seed_;
  std::shared_ptr<SharedState> shared_;
  std::unique_ptr<Retention> retention_;
  CheckpointSource checkpoint_;
  uint64_t segment_bytes_ = 0;
  UnsyncedShare unsynced_;
  // Appended in this turn.
  std::unique_ptr<Chunk> turn_;
  // As the last checkpoint says.
  std::map<std::string, uint64_t> saved_cursors_;
  // The save that wrote them; 0: they are in the opening of a segment.
  uint64_t saved_as_ = 0;
  uint64_t last_save_ = 0;
  // What is synced for sure once the last save is durable: it says so.
  uint64_t last_save_proves_ = 0;
  bool lacked_room_ = false;
  bool has_copied_ = false;  // something was, since TrimSegments
  // What Options::directory held when it could only be read, to be counted when it is ours again.
  std::map<uint64_t, SegmentUsage> uncounted_;

  // For GetUsage, from any thread.
  std::atomic<uint64_t> next_sequence_{1};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> max_bytes_{0};
  std::atomic<Durability> durability_{Durability::kSynced};

  Mutex readers_mutex_;  // held while a reader is opened
  // Last: its thread uses what is above.
  std::unique_ptr<SyncedLog> log_;
};

}  // namespace sluice::journal
