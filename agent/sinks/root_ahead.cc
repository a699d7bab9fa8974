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

std::optional<RootAhead::Step> RootAhead::Advance() {
  auto entry = reader_->Next({});
  if (!entry.has_value()) return std::nullopt;
  const bool is_behind = entry->sequence <= scanned_;
  scanned_ = std::max(scanned_, entry->sequence);
  entry->replayed = entry->sequence <= taken_;
  return Step{*entry, !is_behind && entry->uid == 0};
}

void RootAhead::MarkDelivered() { taken_ = std::max(taken_, scanned_); }

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
