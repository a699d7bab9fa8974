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
namespace {

// A sparse segment holds what came within this part of the greatest age: the newest of it decides
// when it is too old.
constexpr uint64_t kPartOfAge = 8;

// What is missing comes with the next sync or copy.
absl::Status MakesRoom() { return absl::UnavailableError("the journal is full, and makes room"); }

}  // namespace

Retention::Retention(std::shared_ptr<SharedState> shared, const Clock* clock, Limits limits)
    : shared_(std::move(shared)),
      clock_(clock),
      limits_(limits),
      spare_(shared_, clock_),
      archiver_(shared_) {}

void Retention::AddSegment(uint64_t first_sequence, SegmentUsage usage) {
  SegmentUsage& place = segments_[first_sequence];
  Subtract(place);
  Add(usage);
  place = std::move(usage);
  futile_.clear();
}

void Retention::BeginSegment(uint64_t first_sequence, uint64_t opening_bytes, bool partial,
                             uint64_t known_synced) {
  const auto from = segments_.lower_bound(first_sequence);
  for (auto it = from; it != segments_.end(); ++it) Subtract(it->second);
  segments_.erase(from, segments_.end());
  if (!segments_.empty()) segments_.rbegin()->second.end_sequence = first_sequence;
  SegmentUsage usage{opening_bytes, clock_->UnixNano(), {}, partial};
  usage.known_synced = known_synced;
  AddSegment(first_sequence, std::move(usage));
  for (Unsettled& entry : unsettled_) {
    if (entry.sequence >= first_sequence) Move(&entry, first_sequence);
  }
}

// The segment where it was may be gone with all that it took.
void Retention::Move(Unsettled* entry, uint64_t to_segment) {
  SegmentUsage part{entry->bytes, 0, {}, false};
  if (entry->uid) part.bytes_by_uid[*entry->uid] = entry->bytes;
  const auto before = segments_.find(entry->segment);
  if (before != segments_.end() && entry->segment != to_segment) {
    before->second.bytes -= entry->bytes;
    if (entry->uid) before->second.bytes_by_uid[*entry->uid] -= entry->bytes;
    Subtract(part);
  }
  SegmentUsage& usage = segments_[to_segment];
  usage.bytes += entry->bytes;
  if (entry->uid) usage.bytes_by_uid[*entry->uid] += entry->bytes;
  Add(part);
  entry->segment = to_segment;
}

absl::Status Retention::MakeRoom(uid_t uid, uint64_t bytes) {
  if (bytes_ + spare_.bytes() + bytes > limits_.max_bytes) spare_.Drop();
  bool is_copying = false;
  const auto fits_after = [&](auto step) {
    while (!Fits(uid, bytes)) {
      const Step done = step();
      is_copying |= done == Step::kCopying;
      if (done != Step::kFreed) return false;
    }
    return true;
  };
  if (fits_after([&] { return ForgetHistory(limits_.keep_bytes, {}); })) return absl::OkStatus();
  const bool is_above_share = IsAboveShare(uid, bytes);
  if (is_above_share && !is_copying && fits_after([&] { return ForgetHistory(0, uid); })) {
    return absl::OkStatus();
  }
  if (is_above_share && !is_copying) {
    // There is history of its own that may go once it is known that what follows is synced.
    if (LacksProof() && EndOfHistory() != segments_.begin()) return MakesRoom();
    return absl::ResourceExhaustedError(
        absl::StrCat("the journal is full and uid ", uid, " holds more than its share"));
  }
  if (!is_above_share && !is_copying) {
    if (fits_after([&] { return ForgetHistory(limits_.keep_bytes / 2, {}); })) {
      return absl::OkStatus();
    }
    const uint64_t limit = uid == 0 ? limits_.max_bytes : limits_.others_bytes;
    for (uint64_t target = limit - std::min(limit / 2, 2 * limits_.segment_bytes);
         !is_copying && target > limit / 8; target /= 2) {
      if (fits_after([&] { return ForgetUnread(target); })) return absl::OkStatus();
    }
  }
  if (is_copying) {
    // For the moment that it takes, others have a part of what is root's.
    if (!is_above_share && bytes_ + bytes <= limits_.max_bytes) return absl::OkStatus();
    return MakesRoom();
  }
  while (!Fits(uid, bytes) && RemoveOldest("full")) {
  }
  // In a journal so small that it is full before two syncs. The entry that comes is the proof.
  while (!Fits(uid, bytes) && LacksProof() && IsOldestOf(uid) &&
         Remove(segments_.begin(), "full")) {
  }
  if (Fits(uid, bytes)) return absl::OkStatus();
  if (LacksProof()) return MakesRoom();
  return absl::ResourceExhaustedError("the journal is full");
}

void Retention::Charge(uint64_t sequence, uid_t uid, uint64_t bytes) {
  ChargeTo(sequence, uid, bytes);
}

void Retention::ChargeState(uint64_t sequence, uint64_t bytes) { ChargeTo(sequence, {}, bytes); }

void Retention::ChargeTo(uint64_t sequence, std::optional<uid_t> uid, uint64_t bytes) {
  auto& [segment, usage] = *segments_.rbegin();
  usage.bytes += bytes;
  bytes_ += bytes;
  if (uid) {
    usage.bytes_by_uid[*uid] += bytes;
    bytes_by_uid_[*uid] += bytes;
    if (*uid != 0) others_bytes_ += bytes;
  }
  const uint64_t synced = shared_->synced();
  const uint64_t known_synced = sequence - 1 - synced >= kManyUnsynced ? 0 : synced;
  unsettled_.push_back({sequence, segment, uid, bytes, known_synced});
}

void Retention::Settle(uint64_t sequence) {
  uint64_t known_synced = 0;
  while (!unsettled_.empty() && unsettled_.front().sequence <= sequence) {
    known_synced = unsettled_.front().known_synced;
    unsettled_.pop_front();
  }
  Prove(known_synced);
}

void Retention::StampCurrent() { segments_.rbegin()->second.newest_unix_nano = clock_->UnixNano(); }

void Retention::Trim() {
  if (std::exchange(disk_fails_, false)) futile_.clear();
  const uint64_t now = clock_->UnixNano();
  while (HasSealed() && segments_.begin()->second.newest_unix_nano + limits_.max_age_nano < now) {
    if (!RemoveOldest("age")) break;
  }
  while (ForgetHistory(limits_.keep_bytes, {}) == Step::kFreed) {
  }
}

bool Retention::AbsorbCopies() {
  if (!copying_) return false;
  std::optional<Archiver::Result> result = archiver_.TakeResult();
  if (result) Absorb(*std::move(result));
  return result.has_value();
}

void Retention::FinishCopying() {
  if (copying_) Absorb(archiver_.WaitForResult());
}

bool Retention::Fits(uid_t uid, uint64_t bytes) const {
  if (bytes_ + bytes > limits_.max_bytes) return false;
  return uid == 0 || others_bytes_ + bytes <= limits_.others_bytes;
}

bool Retention::IsAboveShare(uid_t uid, uint64_t bytes) const {
  if (uid == 0) return false;
  const auto held = bytes_by_uid_.find(uid);
  return bytes + (held == bytes_by_uid_.end() ? 0 : held->second) > limits_.share_bytes;
}

bool Retention::IsOldestOf(uid_t uid) const {
  const std::map<uid_t, uint64_t>& held = segments_.begin()->second.bytes_by_uid;
  return std::all_of(held.begin(), held.end(),
                     [uid](const auto& user) { return user.first == uid || user.second == 0; });
}

bool Retention::RestsOnOldest() const {
  return HasSealed() && std::all_of(std::next(segments_.begin()), segments_.end(),
                                    [](const auto& segment) { return segment.second.partial; });
}

bool Retention::IsDurable(uint64_t first_sequence) const {
  const SharedState::SegmentPtr segment = shared_->SegmentAt(first_sequence);
  return segment != nullptr && segment->durable;
}

// Openings know more and more.
uint64_t Retention::Proven() const {
  for (auto it = segments_.rbegin(); it != segments_.rend(); ++it) {
    if (IsDurable(it->first)) return std::max(proven_, it->second.known_synced);
  }
  return proven_;
}

Retention::Iterator Retention::LastRestart(uint64_t sequence) {
  if (!HasSealed()) return segments_.begin();
  const uint64_t last = std::min(sequence, Proven() + 1);
  Iterator it = segments_.upper_bound(last);
  while (it != segments_.begin()) {
    --it;
    if (!it->second.partial && IsDurable(it->first)) return it;
  }
  return segments_.begin();
}

bool Retention::LacksProof() const {
  if (!HasSealed()) return false;
  const uint64_t known = Proven() + 1;
  bool is_whole_and_durable = false;
  for (auto it = std::next(segments_.begin()); it != segments_.end(); ++it) {
    if (it->second.partial || !IsDurable(it->first)) continue;
    if (it->first <= known) return false;
    is_whole_and_durable = true;
  }
  return is_whole_and_durable;
}

uint64_t Retention::LowestCursor() const {
  uint64_t lowest = UINT64_MAX - 1;
  for (const auto& position : shared_->Positions()) {
    if (position->has_reader) lowest = std::min(lowest, position->cursor.load());
  }
  return lowest;
}

Retention::Iterator Retention::EndOfHistory() {
  const uint64_t cursor = LowestCursor();
  Iterator it = segments_.begin();
  while (it != segments_.end() && std::next(it) != segments_.end() &&
         cursor + 1 >= std::next(it)->first) {
    ++it;
  }
  return it;
}

std::map<uid_t, uint64_t> Retention::HeldBefore(Iterator end) {
  std::map<uid_t, uint64_t> held;
  for (Iterator it = segments_.begin(); it != end; ++it) {
    for (const auto& [uid, bytes] : it->second.bytes_by_uid) held[uid] += bytes;
  }
  return held;
}

Retention::Step Retention::ForgetHistory(uint64_t target, std::optional<uid_t> yielding) {
  if (copying_) return Step::kCopying;
  const uint64_t cursor = LowestCursor();
  const Iterator removable_end = LastRestart(cursor + 1);
  if (removable_end == segments_.begin()) return Step::kNothing;
  const Answer nothing{cursor, removable_end->first};
  const auto known = futile_.find({target, yielding});
  if (known != futile_.end() && known->second == nothing) return Step::kNothing;
  const Iterator end = EndOfHistory();
  uint64_t bytes = 0;
  for (Iterator it = segments_.begin(); it != end; ++it) bytes += it->second.bytes;
  Step step = Step::kNothing;
  if (bytes > target) {
    const FairShare share = DivideFairly(yielding ? limits_.keep_bytes : target, HeldBefore(end));
    step = ForgetBeyond(share, yielding, end, removable_end);
  }
  if (step == Step::kNothing) futile_[{target, yielding}] = nothing;
  return step;
}

Retention::Step Retention::ForgetUnread(uint64_t target) {
  if (copying_) return Step::kCopying;
  return ForgetBeyond(DivideFairly(target, bytes_by_uid_), {}, segments_.end(),
                      LastRestart(UINT64_MAX - 1));
}

Retention::Step Retention::ForgetBeyond(const FairShare& share, std::optional<uid_t> yielding,
                                        Iterator end, Iterator removable_end) {
  std::map<uid_t, uint64_t> seen;
  std::set<uid_t> kept;
  uint64_t kept_bytes = 0;
  Iterator found = segments_.end();
  const uint64_t first_needed = removable_end == segments_.end() ? 0 : removable_end->first;
  for (Iterator it = end; it != segments_.begin();) {
    --it;
    std::set<uid_t> kept_here;
    uint64_t bytes_here = 0;
    for (const auto& [uid, bytes] : it->second.bytes_by_uid) {
      if (bytes == 0) continue;
      const uint64_t seen_of_user = seen[uid] += bytes;
      if (uid == yielding || seen_of_user > share.Of(uid)) continue;
      kept_here.insert(uid);
      bytes_here += bytes;
    }
    if (it->first >= first_needed || !IsWorthIt(it->second, bytes_here)) continue;
    found = it;
    kept = std::move(kept_here);
    kept_bytes = bytes_here;
  }
  if (found == segments_.end()) return Step::kNothing;
  return LetGo(found, std::move(kept), kept_bytes);
}

// Whether at least as much becomes free as is copied.
bool Retention::IsWorthIt(const SegmentUsage& usage, uint64_t kept_bytes) const {
  if (kept_bytes == 0) return true;
  const uint64_t copied = kept_bytes + kSparseOpeningBytes;
  return !disk_fails_ && 2 * copied <= usage.bytes && bytes_ + copied <= limits_.max_bytes;
}

Retention::Step Retention::LetGo(Iterator segment, std::set<uid_t> kept, uint64_t kept_bytes) {
  const SharedState::SegmentPtr from = shared_->SegmentAt(segment->first);
  if (kept.empty() || from == nullptr) {
    return Remove(segment, "full") ? Step::kFreed : Step::kNothing;
  }
  Archiver::Job job;
  job.from = from;
  job.kept = std::move(kept);
  job.newest_unix_nano = segment->second.newest_unix_nano;
  job.max_bytes = limits_.segment_bytes;
  job.max_span_nano = limits_.max_age_nano / kPartOfAge;
  if (segment != segments_.begin()) {
    const auto& [first, usage] = *std::prev(segment);
    const bool has_room = usage.bytes + kept_bytes <= limits_.segment_bytes;
    if (usage.sparse == SparseUse::kGrows && has_room) job.before = shared_->SegmentAt(first);
  }
  copying_ = Copying{segment->first, kept_bytes + kSparseOpeningBytes};
  bytes_ += copying_->reserved_bytes;
  archiver_.Begin(std::move(job));
  return Step::kCopying;
}

void Retention::Absorb(Archiver::Result result) {
  const Copying copying = *std::exchange(copying_, std::nullopt);
  bytes_ -= copying.reserved_bytes;
  futile_.clear();
  const Iterator from = segments_.find(copying.from);
  if (!result.status.ok()) {
    LogWarning(absl::StrCat("journal: cannot copy from ", SegmentName(copying.from), ": ",
                            result.status.message()));
    disk_fails_ = true;
    // Whatever is wrong with it.
    if (from != segments_.begin()) {
      SegmentUsage& before = std::prev(from)->second;
      if (before.sparse == SparseUse::kGrows) before.sparse = SparseUse::kClosed;
    }
    return;
  }
  CountForgotten(from->second, result.added.bytes_by_uid, "full");
  Subtract(from->second);
  result.added.end_sequence = from->second.end_sequence;
  segments_.erase(from);
  SegmentUsage& into = segments_[result.into];
  Subtract(into);
  for (const auto& [uid, bytes] : into.bytes_by_uid) result.added.bytes_by_uid[uid] += bytes;
  into = std::move(result.added);
  Add(into);
}

bool Retention::RemoveOldest(const char* reason) {
  const Iterator oldest = segments_.begin();
  if (copying_ || LastRestart(UINT64_MAX - 1) == oldest) return false;
  return Remove(oldest, reason);
}

bool Retention::Remove(Iterator it, const char* reason) {
  const SharedState::SegmentPtr segment = shared_->SegmentAt(it->first);
  if (segment != nullptr) {
    const UnreadCounts unread = CountUnread(*shared_, *segment, {});
    // Before its name is: a reader that misses the file has to know why.
    segment->gone = true;
    if (!TakeOffDisk(segment, it->second)) {
      LogWarning(absl::StrCat("journal: ", ErrnoStatus("unlink " + segment->path).message()));
      segment->gone = false;
      disk_fails_ = true;
      return false;
    }
    shared_->RemoveSegment(*segment);
    AddToDropped(unread, reason, *shared_);
  }
  CountForgotten(it->second, {}, reason);
  Subtract(it->second);
  segments_.erase(it);
  futile_.clear();
  return true;
}

// Recovery must not take a new segment for sparse by the header of its file's earlier use.
bool Retention::TakeOffDisk(const SharedState::SegmentPtr& segment, const SegmentUsage& usage) {
  const bool is_of_use = bytes_ + limits_.segment_bytes <= limits_.max_bytes &&
                         usage.bytes >= limits_.segment_bytes / 2 &&
                         usage.sparse == SparseUse::kNone;
  if (is_of_use && spare_.Keep(segment, usage.bytes, usage.newest_unix_nano)) return true;
  return shared_->fs.Unlink(segment->path) == 0 || errno == ENOENT;
}

void Retention::CountForgotten(const SegmentUsage& usage, const std::map<uid_t, uint64_t>& kept,
                               const char* reason) const {
  if (shared_->counters == nullptr) return;
  for (const auto& [uid, bytes] : usage.bytes_by_uid) {
    const auto found = kept.find(uid);
    const uint64_t copied = found == kept.end() ? 0 : std::min(bytes, found->second);
    if (copied < bytes) shared_->counters->Add("journal.forgotten", reason, uid, bytes - copied);
  }
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
