// Problem: A sink works the journal off in order, and its span table is that of its place there.
// Who takes entries out of turn must neither write one twice, nor change the order of root's own,
// nor show other users' records another state of root's spans than that of their place.
//
// States: idle, nothing is taken that the queue has not passed; known, an earlier life took entries
// that the queue has not come to; open, a second reader stands at scanned_, with a stream forked
// off the queue's. It knows root's open spans, which is all that root's records need, and nobody
// else's. Restore leads to idle or known, Open to open, CloseBehind to idle.
//
// Invariants:
// * Each of root's entries is delivered once and in order: up to taken_ by the fork, after that by
//   the queue. What an earlier life took is replayed in the fork, too.
// * The queue reads what was taken (Took) as replayed: spans open and close there, at their place
//   among the others, and nothing is delivered.
// * taken_ moves on only once all of an entry was delivered. It is stored under a cursor of its
// own,
//   SINK@root, after the sink's Commit (MarkWritten) and its Sync (Commit): never beyond what is
//   written. So a kill in between repeats what the sink was just writing, as with the queue, and no
//   more.
// * It holds no entries back in the journal: the queue's cursor, which is before it, does. A reader
//   under its own name exists only while that cursor is stored.

#include "agent/sinks/root_ahead.h"

#include <algorithm>
#include <utility>

namespace sluice::sinks {

void RootAhead::Restore(uint64_t cursor) {
  const uint64_t stored = journal_->OpenReader(cursor_name_)->stored_cursor();
  taken_ = written_ = stored > cursor ? stored : 0;
}

void RootAhead::Open(const stream::RecordStream& queue, uint64_t sequence) {
  if (is_open()) return;
  stream_ = queue.ForkOfRoot();
  scanned_ = sequence;
  reader_ = journal_->OpenReader("");
  // The fork has the state already.
  (void)reader_->Restore(sequence);
}

bool RootAhead::Next() {
  entry_ = reader_->Next({});
  if (!entry_.has_value()) return false;
  const bool is_new = entry_->sequence > scanned_;
  if (is_new) scanned_ = entry_->sequence;
  entry_->replayed = entry_->sequence <= taken_;
  if (is_new && entry_->uid == 0) {
    stream_->Begin(*entry_);
  } else {
    entry_.reset();
  }
  return true;
}

bool RootAhead::ReadSome(size_t most) {
  if (entry_.has_value() && stream_->ReadSome(most) == most) return true;
  taken_ = std::max(taken_, scanned_);
  return false;
}

void RootAhead::CloseBehind(uint64_t sequence) {
  if (!is_open() || sequence < taken_) return;
  delivered_ += stream_->delivered();
  filtered_ += stream_->filtered();
  stream_ = nullptr;
  reader_ = nullptr;
}

void RootAhead::SetFilter(std::shared_ptr<const filter::Filter> filter) {
  if (is_open()) stream_->SetFilter(std::move(filter));
}

void RootAhead::MarkWritten() {
  if (written_ >= taken_) return;
  written_ = taken_;
  journal_->OpenReader(cursor_name_)->MarkWritten(written_);
}

void RootAhead::Commit() {
  if (synced_ >= written_) return;
  synced_ = written_;
  journal_->OpenReader(cursor_name_)->Commit(written_);
}

}  // namespace sluice::sinks
