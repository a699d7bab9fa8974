// Root's entries, taken before the queue comes to them: a provisioning report and what a flush of
// root's waits for do not wait for what others sent before.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "agent/journal/journal.h"
#include "agent/stream/record_stream.h"

namespace sluice::sinks {

// Owned by the worker's thread.
class RootAhead {
 public:
  RootAhead(journal::Journal* journal, const std::string& sink)
      : journal_(journal), cursor_name_(sink + "@root") {}

  // Where an earlier life stopped; the queue begins after `cursor`.
  void Restore(uint64_t cursor);

  // Whether the queue leaves the entry out.
  bool Took(const journal::Entry& entry) const {
    return entry.sequence <= taken_ && entry.uid == 0;
  }
  // The last entry that was looked at, root's or not, since it is open.
  uint64_t scanned() const { return scanned_; }
  // Root's entries up to here are committed, unless the queue is past it.
  uint64_t written() const { return written_; }

  bool is_open() const { return stream_ != nullptr; }
  // `queue` has read everything up to `sequence` and is in no entry of root's. No effect where it
  // is open already.
  void Open(const stream::RecordStream& queue, uint64_t sequence);
  // Moves on by one entry; false: the next one cannot be read yet.
  bool Next();
  // Delivers at most so many more records of it, none if it is not root's; false: that was the
  // rest.
  bool ReadSome(size_t most);

  // Ends it where the queue has passed what was taken.
  void CloseBehind(uint64_t sequence);

  void SetFilter(std::shared_ptr<const filter::Filter> filter);

  // What was taken is committed by the sink; and synced.
  void MarkWritten();
  void Commit();

  // In all.
  uint64_t delivered() const { return delivered_ + (is_open() ? stream_->delivered() : 0); }
  uint64_t filtered() const { return filtered_ + (is_open() ? stream_->filtered() : 0); }

 private:
  journal::Journal* const journal_;
  const std::string cursor_name_;
  uint64_t taken_ = 0;
  uint64_t scanned_ = 0;
  // As stored.
  uint64_t written_ = 0;
  uint64_t synced_ = 0;
  std::unique_ptr<journal::Reader> reader_;
  // The one that is being read; nullopt: nothing of it is to be.
  std::optional<journal::Entry> entry_;
  std::unique_ptr<stream::RecordStream> stream_;
  uint64_t delivered_ = 0;
  uint64_t filtered_ = 0;
};

}  // namespace sluice::sinks
