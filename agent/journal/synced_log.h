// Writes chunks of entries to segment files and makes them durable in groups. What is not durable
// yet stays in memory: when a write or a sync fails, the disk is tried again and again with a new
// segment that takes the place of everything from the first entry not known to be durable.
//
// A failed fsync is never retried on its file: the kernel may have marked the lost pages clean, and
// the second call would succeed without them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "agent/base/mutex.h"
#include "agent/journal/frames.h"
#include "agent/journal/segment_file.h"
#include "agent/journal/shared_state.h"

namespace sluice::journal {

// Whole frames written with one write.
struct Chunk {
  Frames frames{{}, SIZE_MAX};
  // One past its last entry, or past the last before it when it holds none.
  uint64_t end_sequence = 0;
  bool is_urgent = false;
  // The last save of cursors in it; 0: it holds none.
  uint64_t cursor_save = 0;
  // What its frames say.
  uint32_t generation = 0;
  // When SyncedLog took it.
  std::chrono::steady_clock::time_point taken_at{};
  // Where it was written, or tried to be; null: nowhere yet.
  std::shared_ptr<SegmentFile> file;
  uint64_t offset = 0;
};

// One thread (the ingest thread) calls everything that is not marked thread-safe; a thread of its
// own syncs. That thread alone writes while the disk refuses.
class SyncedLog {
 public:
  struct Options {
    std::string directory;
    std::chrono::milliseconds group_delay{};
    uint64_t group_bytes = 0;
    std::chrono::milliseconds retry_delay{};
    // Of the journal's epoch.
    uint32_t frame_seed = 0;
    // The encoded header of a segment that begins with this sequence. Thread-safe.
    std::function<std::string(uint64_t first_sequence, uint32_t generation)> header;
    // The frame of a partial checkpoint before this sequence, of any generation. Thread-safe.
    std::function<std::string(uint64_t next_sequence)> partial_checkpoint;
    std::function<void(uint64_t sequence)> on_synced;
  };

  // A segment that was opened, or made by the sync thread after a failure: either way it holds all
  // entries from its first on.
  struct NewSegment {
    uint64_t first_sequence = 0;
    uint64_t opening_bytes = 0;  // before its entries
    bool partial = false;
    uint64_t known_synced = 0;  // as its opening says
  };

  SyncedLog(std::shared_ptr<SharedState> shared, Options options);
  // Syncs what was written; tries once more where the disk refused.
  ~SyncedLog();

  void Start();

  // Opens a segment for what comes from `next_sequence` on. `opening` is the frame of its
  // checkpoint and of its generation. `spare`: a file to write over, or empty. False: the disk
  // refuses; the sync thread makes the segment when it can.
  bool OpenSegment(uint64_t next_sequence, uint32_t generation, std::string opening,
                   const std::string& spare);
  void Write(Chunk chunk);
  // Of the segment that the next chunk probably goes to. A chunk of another one is mended.
  uint32_t generation() const { return generation_.load(); }
  // Whether the next segment is due: the current one was made after a failure and opens with a
  // partial checkpoint, or is as large as `segment_bytes` and as twice its opening.
  bool IsSegmentDue(uint64_t segment_bytes) const;
  // Not where the disk refuses, nor while it is behind with the openings that were written.
  bool MayOpenSegment() const;
  // Each segment once, in the order in which they were made.
  bool has_new_segments() const { return has_new_segments_.load(); }
  std::vector<NewSegment> TakeNewSegments();

  // Syncs all that was written, lets `move` bring the segments elsewhere, and writes to `directory`
  // from then on. A segment must be opened right after.
  absl::Status MoveTo(const std::string& directory, const std::function<absl::Status()>& move);

  // Waits until all that was written is durable; false: the disk refuses.
  bool Drain();

  // Thread-safe.
  void SyncNow();
  bool refuses() const { return refuses_.load(); }
  uint64_t unsynced_bytes() const { return unsynced_bytes_.load(); }
  // The last Chunk::cursor_save that is durable.
  uint64_t synced_cursor_save() const { return synced_cursor_save_.load(); }
  std::string error() const;
  // A buffer of a chunk that is done with, for the next one.
  std::string TakeBuffer();

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  bool BeginWrite() REQUIRES(mutex_);
  void EndWrite(const absl::Status& written) REQUIRES(mutex_);
  absl::StatusOr<std::shared_ptr<SegmentFile>> MakeSegment(uint64_t first_sequence,
                                                           uint32_t generation,
                                                           const std::string& content,
                                                           const std::string& spare);
  void Restamp(uint32_t generation, Chunk* chunk) const;
  std::string CurrentDirectory() const;
  void Enqueue(Chunk chunk, bool is_written) REQUIRES(mutex_);
  void Refuse(const absl::Status& why) REQUIRES(mutex_);
  void Run();
  bool IsSyncDue(TimePoint now) const REQUIRES(mutex_);
  bool IsRewriteDue(TimePoint now) const REQUIRES(mutex_);
  std::optional<TimePoint> SyncDeadline() const REQUIRES(mutex_);
  TimePoint NextDue() const REQUIRES(mutex_);
  void SyncWritten() REQUIRES(mutex_);
  void Rewrite() REQUIRES(mutex_);
  absl::StatusOr<std::shared_ptr<SegmentFile>> WriteAgain(uint64_t first_sequence,
                                                          std::string opening,
                                                          const std::vector<Chunk*>& chunks);
  // Where chunks stand in the segment before, too, once they are in the one of `first_sequence`.
  struct Doubled {
    std::shared_ptr<SegmentFile> file;  // null: nowhere
    uint64_t offset = 0;
  };
  Doubled DoubledIn(uint64_t first_sequence) const REQUIRES(mutex_);
  void Cut(const Doubled& doubled) REQUIRES(mutex_);
  void TakeOver(std::shared_ptr<SegmentFile> file, const std::string& opening, size_t chunk_count)
      REQUIRES(mutex_);
  void Announce(uint64_t first_sequence, const std::string& opening) REQUIRES(mutex_);
  void DropSynced(size_t chunk_count) REQUIRES(mutex_);

  const std::shared_ptr<SharedState> shared_;
  const Options options_;
  std::thread thread_;

  std::atomic<bool> refuses_{false};
  std::atomic<bool> is_partial_{false};
  std::atomic<bool> has_new_segments_{false};
  std::atomic<uint64_t> unsynced_bytes_{0};
  std::atomic<uint64_t> synced_cursor_save_{0};
  std::atomic<uint64_t> segment_bytes_{0};
  // What its opening takes of it.
  std::atomic<uint64_t> opening_bytes_{0};
  std::atomic<uint32_t> generation_{0};

  mutable Mutex mutex_;
  CondVar work_;   // the sync thread waits for something to do
  CondVar quiet_;  // for `is_writing_` or `is_syncing_` to end
  std::string directory_ GUARDED_BY(mutex_);
  // While set, the ingest thread uses current_ without the lock.
  bool is_writing_ GUARDED_BY(mutex_) = false;
  // While set, the sync thread uses files and chunks without the lock.
  bool is_syncing_ GUARDED_BY(mutex_) = false;
  bool is_stopping_ GUARDED_BY(mutex_) = false;
  bool is_moving_ GUARDED_BY(mutex_) = false;
  std::shared_ptr<SegmentFile> current_ GUARDED_BY(mutex_);
  // Files with bytes that are not synced, in order.
  std::vector<std::shared_ptr<SegmentFile>> unsynced_files_ GUARDED_BY(mutex_);
  // In order; only the sync thread and MoveTo take from the front. The first `written_chunks_` of
  // them are in unsynced_files_.
  std::deque<Chunk> chunks_ GUARDED_BY(mutex_);
  size_t written_chunks_ GUARDED_BY(mutex_) = 0;
  bool is_urgent_ GUARDED_BY(mutex_) = false;
  // The first frames of the segments opened, by first sequence, until an entry behind them is
  // durable: they may have to be written again.
  std::map<uint64_t, std::string> openings_ GUARDED_BY(mutex_);
  // When a segment was opened, until a sync of it begins.
  std::optional<TimePoint> opened_at_ GUARDED_BY(mutex_);
  bool sync_failed_ GUARDED_BY(mutex_) = false;
  std::string error_ GUARDED_BY(mutex_);
  TimePoint retry_at_ GUARDED_BY(mutex_);
  std::vector<NewSegment> new_segments_ GUARDED_BY(mutex_);
  std::vector<std::string> spare_buffers_ GUARDED_BY(mutex_);
};

}  // namespace sluice::journal
