// One sink's way through the journal: every batch once, in order, from its cursor on, however far
// behind it is.
//
// Life cycle: Journal::OpenReader, Restore once, then Next and Commit in turn. Reads are preads of
// large chunks, out of the page cache when caught up: a file that shrinks or a bad sector is then
// an error to count, where a mapping would raise SIGBUS. A reader shares no lock with the writer
// except to sleep and to change segments.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/journal/batch_view.h"
#include "agent/journal/read_window.h"

namespace sluice::journal {

// One batch. Views are valid until the next call of the reader that gave it; those of `batch` also
// while a copy of `*block` is held.
struct Entry {
  uint64_t sequence = 0;
  uid_t uid = 0;
  // Written since this boot.
  bool this_boot = false;
  // At or before the cursor given to Restore: for rebuilding state, not for writing again.
  bool replayed = false;
  BatchView batch;
  // So many numbers before this one are missing since the reader gave the one before, because they
  // were not worth keeping when others were.
  uint64_t forgotten_before = 0;
  // The reader gave no other one of this entry's segment: a start from a later place may restore
  // the state at its beginning.
  bool begins_segment = false;
  // The boot that it was written in; empty: not known.
  std::string_view boot_id;
  // Where it stands in its segment, for StartAt.
  uint64_t offset = 0;
  // What its bytes are in, until the next call of the reader; null: they cannot be held.
  const SharedBlock* block = nullptr;
};

class SegmentReader;
class SharedState;
struct Segment;
struct SinkPosition;

// Owned and used by one thread, but for Wake.
class Reader {
 public:
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // The cursor to start from: the last one committed that is known for sure, 0 for a new sink.
  uint64_t stored_cursor() const { return stored_cursor_; }

  // Moves to the last checkpoint at or before `cursor` and returns it (an encoded
  // sluice.disk.v1.Checkpoint; empty: nothing came before). Next then gives the entries after that
  // checkpoint, those up to `cursor` marked as replayed. Where entries after `cursor` are gone
  // already, starts at the first that is left.
  // `rebuilds`: the checkpoint is before the entry `cursor` itself, so that all of its segment
  // comes, also where it is the last one there.
  std::string Restore(uint64_t cursor, bool rebuilds = false);

  // Moves to the entry `sequence`, which another reader gave with this `offset`, without reading
  // what stands before it in its segment. Where it has moved meanwhile, that is read after all.
  void StartAt(uint64_t sequence, uint64_t offset);

  // The first number that Next may give; after Restore, the first after that checkpoint.
  uint64_t next_sequence() const { return next_sequence_; }

  // The next batch, or nullopt: `deadline` passed or Wake was called. A written batch is readable
  // before it is synced. Damaged entries are skipped and counted.
  std::optional<Entry> Next(std::chrono::steady_clock::time_point deadline);

  // Every entry up to `sequence` is written by this sink, though a power cut may still undo it: an
  // agent that is killed goes on from here. No effect for a reader without a sink.
  void MarkWritten(uint64_t sequence);

  // Every entry up to `sequence` is written and synced by this sink: segments before may go, and
  // the next start goes on from here, whatever happens. No effect for a reader without a sink.
  void Commit(uint64_t sequence);

  // Ends the current or the next wait of Next. Thread-safe.
  void Wake();

 private:
  friend class Journal;
  Reader(std::shared_ptr<SharedState> shared, std::shared_ptr<SinkPosition> position);

  bool OpenSegment();
  void LeaveSegment();
  std::optional<Entry> ReadEntry(uint64_t end);
  bool SkipDamage(uint64_t end);
  std::string RestoreFrom(const std::shared_ptr<Segment>& segment);
  void CountMissing(uint64_t next);

  const std::shared_ptr<SharedState> shared_;
  const std::shared_ptr<SinkPosition> position_;
  uint64_t stored_cursor_ = 0;
  uint64_t replay_until_ = 0;
  // The first sequence not given yet.
  uint64_t next_sequence_ = 0;
  std::shared_ptr<const Segment> segment_;
  std::unique_ptr<SegmentReader> file_;  // of segment_
  bool this_boot_ = false;               // segment_ is of this boot
  bool is_sparse_ = false;               // its missing numbers are no damage
  uint64_t forgotten_ = 0;               // of them, since the last entry given
  uint64_t given_segment_ = 0;           // of the last entry given, by its first number
};

}  // namespace sluice::journal
