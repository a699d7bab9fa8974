// What the journal shares with its readers, which may outlive it: the segments, how far they are
// written and synced, and the sinks' cursors.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/file_system.h"
#include "agent/base/mutex.h"
#include "agent/journal/cursor_file.h"
#include "agent/journal/format.h"
#include "agent/journal/segment.h"
#include "agent/self/counters.h"

namespace sluice::journal {

// How far one sink is. Kept while the journal lives, whether the sink has a reader or not.
struct SinkPosition {
  explicit SinkPosition(std::string sink_name) : sink(std::move(sink_name)) {}

  const std::string sink;  // empty: only looks
  // Written and synced up to here: survives a power cut.
  std::atomic<uint64_t> cursor{0};
  // Written up to here, synced or not, which survives the agent but not the boot. A reader starts
  // here, and what lies before it was not lost to the sink.
  std::atomic<uint64_t> written{0};
  // Given to the sink up to here, which holds what it has not written yet.
  std::atomic<uint64_t> given{0};
  // Whether a reader exists, so that entries after the cursor are held.
  std::atomic<bool> has_reader{false};
  // Set by Reader::Wake, cleared by the wait that it ends.
  std::atomic<bool> woken{false};
  int cursor_slot = CursorFile::kNoSlot;
};

// Thread-safe.
class SharedState {
 public:
  using SegmentPtr = std::shared_ptr<Segment>;

  SharedState(FileSystem* file_system, Counters* event_counters, std::string boot)
      : fs(*file_system), counters(event_counters), boot_id(std::move(boot)) {}

  FileSystem& fs;
  Counters* const counters;  // may be null
  // Changes of files' names by the ingest thread, and those of them that were made before a sync of
  // the directory.
  std::atomic<uint64_t> name_changes{0};
  std::atomic<uint64_t> durable_name_changes{0};
  const std::string boot_id;

  void Count(const std::string& name, const std::string& reason, uint64_t count) const;

  // The segment that holds `sequence`, or else the first one after it; null: none.
  SegmentPtr FindSegment(uint64_t sequence) const;
  // The one that begins with `first_sequence`; null: none does.
  SegmentPtr SegmentAt(uint64_t first_sequence) const;
  std::vector<SegmentPtr> Segments() const;
  // Seals what was the last.
  void AddSegment(SegmentPtr segment);
  void RemoveSegment(const Segment& segment);
  // `segment` takes the place of every entry from its first on.
  void SupersedeBy(SegmentPtr segment);
  // `moved` takes the place of the segment of the same first sequence.
  void ReplaceSegment(SegmentPtr moved);

  // Readable up to here; wakes readers.
  void Publish(uint64_t last_sequence);
  uint64_t last_written() const { return last_written_.load(std::memory_order_acquire); }
  void SetSynced(uint64_t sequence) { synced_.store(sequence, std::memory_order_release); }
  uint64_t synced() const { return synced_.load(std::memory_order_acquire); }

  // Changes whenever there may be more to read.
  uint64_t progress() const { return progress_.load(); }
  void Wake();
  // Returns false when `deadline` passed before progress moved on from `seen`, or `*woken` turned
  // true; clears it.
  bool WaitForProgress(uint64_t seen, std::atomic<bool>* woken,
                       std::chrono::steady_clock::time_point deadline);

  // Of the newest segment.
  Epoch epoch() const;
  void SetEpoch(const Epoch& epoch);

  // The position of `sink`, made when missing.
  std::shared_ptr<SinkPosition> Position(const std::string& sink);
  std::vector<std::shared_ptr<SinkPosition>> Positions() const;

  void SetCursorFile(std::unique_ptr<CursorFile> file) { cursor_file_ = std::move(file); }
  CursorFile* cursor_file() const { return cursor_file_.get(); }

 private:
  mutable Mutex mutex_;
  std::map<uint64_t, SegmentPtr> segments_ GUARDED_BY(mutex_);
  Epoch epoch_ GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<SinkPosition>> positions_ GUARDED_BY(mutex_);
  // Set before the first reader is opened.
  std::unique_ptr<CursorFile> cursor_file_;

  std::atomic<uint64_t> last_written_{0};
  std::atomic<uint64_t> synced_{0};

  std::atomic<uint64_t> progress_{0};
  std::atomic<int> waiting_{0};
  Mutex wait_mutex_;
  CondVar moved_;
};

}  // namespace sluice::journal
