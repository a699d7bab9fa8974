// Root's entries, taken before the queue comes to them: a provisioning report and what a flush of
// root's waits for do not wait for what others sent before.
//
// Problem. A sink works the journal off in order, and its span table is that of its place there.
// Who takes entries out of turn must neither write one twice, nor change the order of root's own,
// nor show other users' records another state of root's spans than that of their place.
//
// States.
//   idle     Nothing is taken that the queue has not passed.
//   known    An earlier life took entries ahead; the queue has not come there yet. No reader.
//   open     A second reader stands at scanned(), with a stream forked off the queue's: it knows
//            root's open spans, which is all that root's records need, and nobody else's.
// Restore leads to idle or known, Open to open, CloseBehind to idle.
//
// Invariants.
// * Each of root's entries is delivered once and in order: up to taken_ by the fork, after that by
//   the queue. What an earlier life took is replayed in the fork, too.
// * The queue reads what was taken (Took) as replayed: spans open and close there, at their place
//   among the others, and nothing is delivered.
// * taken_ moves on only after an entry was delivered. It is stored under a cursor of its own,
//   SINK@root, after the sink's Commit (MarkWritten) and its Sync (Commit): never beyond what is
//   written. A kill in between therefore repeats what the sink was just writing, as with the
//   queue, and no more.
// * It holds no entries back in the journal: the queue's cursor, which is before it, does.
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
  // Moves on by one entry; nullopt: the next one cannot be read yet. What `is_new` has to be read
  // by stream() before the next call; all else is other users', or before the place.
  struct Step {
    journal::Entry entry;
    bool is_new = false;
  };
  std::optional<Step> Advance();
  stream::RecordStream* stream() { return stream_.get(); }
  // What Advance gave is delivered.
  void MarkDelivered();

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
  std::unique_ptr<stream::RecordStream> stream_;
  uint64_t delivered_ = 0;
  uint64_t filtered_ = 0;
};

}  // namespace sluice::sinks
