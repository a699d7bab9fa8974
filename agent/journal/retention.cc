// Problem: Limits count what each user holds, but space comes back by whole segments, which sinks
// and restarts may still need. Until an entry is durable it may be written again to another
// segment, and its bytes must be counted there.
//
// States: A segment is begun, charged with entries while it is the newest, then only held, then
// removed. An entry is unsettled from Charge to Settle; in between BeginSegment may move it to a
// new segment, which takes the place of all from its first number on.
//
// Invariants:
// * bytes_, others_bytes_ and bytes_by_uid_ are the sums over segments_. Whoever changes a
//   segment's bytes changes them too. If they drifted, users would be refused for ever, or the
//   journal would outgrow its limit.
// * Only the oldest segment is removed, so what is held is one run of numbers. A hole would look
//   like damage after a restart.
// * It is removed only when a later segment has a whole checkpoint and is durable (Successor). One
//   that is opened but not synced may be gone after a power cut, and a restart would know neither
//   clients nor open spans.
// * What a sink has not read is counted before the file goes, because it is counted from the file.

#include "agent/journal/retention.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/log.h"
#include "agent/base/status_macros.h"
#include "agent/journal/unread_count.h"

namespace sluice::journal {

Retention::Retention(std::shared_ptr<SharedState> shared, const Clock* clock, Limits limits)
    : shared_(std::move(shared)), clock_(clock), limits_(limits) {}

void Retention::AddSegment(uint64_t first_sequence, SegmentUsage usage) {
  SegmentUsage& place = segments_[first_sequence];
  Subtract(place);
  Add(usage);
  place = std::move(usage);
}

void Retention::BeginSegment(uint64_t first_sequence, uint64_t opening_bytes, bool partial) {
  const auto from = segments_.lower_bound(first_sequence);
  for (auto it = from; it != segments_.end(); ++it) Subtract(it->second);
  segments_.erase(from, segments_.end());
  AddSegment(first_sequence, {opening_bytes, clock_->UnixNano(), {}, partial});
  for (Unsettled& entry : unsettled_) {
    if (entry.sequence >= first_sequence) Move(&entry, first_sequence);
  }
}

// The segment where it was may be gone with all that it took.
void Retention::Move(Unsettled* entry, uint64_t to_segment) {
  const SegmentUsage part{entry->bytes, 0, {{entry->uid, entry->bytes}}, false};
  const auto before = segments_.find(entry->segment);
  if (before != segments_.end() && entry->segment != to_segment) {
    before->second.bytes -= entry->bytes;
    before->second.bytes_by_uid[entry->uid] -= entry->bytes;
    Subtract(part);
  }
  SegmentUsage& usage = segments_[to_segment];
  usage.bytes += entry->bytes;
  usage.bytes_by_uid[entry->uid] += entry->bytes;
  Add(part);
  entry->segment = to_segment;
}

absl::Status Retention::MakeRoom(uid_t uid, uint64_t bytes) {
  while (!Fits(uid, bytes) && IsOldestConsumed()) {
    if (!RemoveOldest("full")) break;
  }
  if (Fits(uid, bytes)) return absl::OkStatus();
  if (uid != 0 && bytes_by_uid_[uid] + bytes > limits_.share_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the journal is full and uid ", uid, " holds more than its share"));
  }
  while (!Fits(uid, bytes) && MayRemoveOldest()) {
    if (!RemoveOldest("full")) break;
  }
  if (Fits(uid, bytes)) return absl::OkStatus();
  return absl::ResourceExhaustedError("the journal is full");
}

void Retention::Charge(uint64_t sequence, uid_t uid, uint64_t bytes) {
  auto& [segment, usage] = *segments_.rbegin();
  usage.bytes += bytes;
  usage.bytes_by_uid[uid] += bytes;
  bytes_ += bytes;
  bytes_by_uid_[uid] += bytes;
  if (uid != 0) others_bytes_ += bytes;
  unsettled_.push_back({sequence, segment, uid, bytes});
}

void Retention::Settle(uint64_t sequence) {
  while (!unsettled_.empty() && unsettled_.front().sequence <= sequence) unsettled_.pop_front();
}

void Retention::StampCurrent() { segments_.rbegin()->second.newest_unix_nano = clock_->UnixNano(); }

void Retention::Trim() {
  const uint64_t now = clock_->UnixNano();
  while (MayRemoveOldest() &&
         segments_.begin()->second.newest_unix_nano + limits_.max_age_nano < now) {
    if (!RemoveOldest("age")) return;
  }
  while (ConsumedBytes() > limits_.keep_bytes && IsOldestConsumed()) {
    if (!RemoveOldest("full")) return;
  }
}

bool Retention::Fits(uid_t uid, uint64_t bytes) const {
  if (bytes_ + bytes > limits_.max_bytes) return false;
  return uid == 0 || others_bytes_ + bytes <= limits_.others_bytes;
}

bool Retention::RestsOnOldest() const {
  return HasSealed() && std::all_of(std::next(segments_.begin()), segments_.end(),
                                    [](const auto& segment) { return segment.second.partial; });
}

Retention::ConstIterator Retention::Successor() const {
  if (!HasSealed()) return segments_.end();
  return std::find_if(std::next(segments_.begin()), segments_.end(), [&](const auto& segment) {
    if (segment.second.partial) return false;
    const SharedState::SegmentPtr found = shared_->FindSegment(segment.first);
    return found != nullptr && found->first_sequence == segment.first && found->durable;
  });
}

bool Retention::IsOldestConsumed() const {
  const ConstIterator successor = Successor();
  return successor != segments_.end() && LowestCursor() + 1 >= successor->first;
}

uint64_t Retention::ConsumedBytes() const {
  const uint64_t cursor = LowestCursor();
  uint64_t bytes = 0;
  for (auto it = segments_.begin(); std::next(it) != segments_.end(); ++it) {
    if (cursor + 1 < std::next(it)->first) break;
    bytes += it->second.bytes;
  }
  return bytes;
}

uint64_t Retention::LowestCursor() const {
  uint64_t lowest = UINT64_MAX - 1;
  for (const auto& position : shared_->Positions()) {
    if (position->has_reader) lowest = std::min(lowest, position->cursor.load());
  }
  return lowest;
}

bool Retention::RemoveOldest(const char* reason) {
  const Iterator oldest = segments_.begin();
  const SharedState::SegmentPtr segment = shared_->FindSegment(oldest->first);
  if (segment != nullptr && segment->first_sequence == oldest->first) {
    CountUnread(*shared_, *segment, reason);
    // Before its name is: a reader that misses the file has to know why.
    segment->gone = true;
    if (shared_->fs.Unlink(segment->path) != 0 && errno != ENOENT) {
      segment->gone = false;
      LogWarning(absl::StrCat("journal: keep ", segment->path, ": ", ErrnoStatus("").message()));
      return false;
    }
    shared_->RemoveSegment(*segment);
  }
  Subtract(oldest->second);
  segments_.erase(oldest);
  return true;
}

void Retention::Add(const SegmentUsage& usage) {
  bytes_ += usage.bytes;
  for (const auto& [uid, bytes] : usage.bytes_by_uid) {
    bytes_by_uid_[uid] += bytes;
    if (uid != 0) others_bytes_ += bytes;
  }
}

void Retention::Subtract(const SegmentUsage& usage) {
  bytes_ -= usage.bytes;
  for (const auto& [uid, bytes] : usage.bytes_by_uid) {
    bytes_by_uid_[uid] -= bytes;
    if (uid != 0) others_bytes_ -= bytes;
  }
}

}  // namespace sluice::journal
