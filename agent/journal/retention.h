// Decides what the journal holds: counts what each segment and each user takes, makes room, and
// lets go what is consumed or too old.
//
// History, which is what all sinks are done with, is kept fairly: of `keep_bytes` each user has a
// share (fair_share.h), and while it holds no more than that, nothing of it goes for size. A
// segment that is of use to nobody any more is removed unread; one at least half of which is of no
// use is copied as far as it is of use, by an Archiver. Who is above its share loses all that it
// has in the segment. So at most twice keep_bytes are taken, and each byte that is copied makes
// room for another one.
//
// The newest whole checkpoint known to be synced stays, whatever the limits say: without it a
// restart would know neither clients nor spans. And a durable entry has to say that all before it
// is synced: else a restart would take what is gone for something that a power cut has undone, and
// end the journal there.
//
// When an entry does not fit, in this order: what is beyond its user's share of keep_bytes goes; of
// a user other than root above its share of the journal, its own history goes, and then it is
// refused; history goes down to half of keep_bytes; what sinks have not read goes, of those first
// who hold most; the oldest segment goes. What a sink has not read is counted by sink, uid and
// reason in `journal.dropped` (records), and all that goes by uid in `journal.forgotten` (bytes).
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "agent/base/clock.h"
#include "agent/journal/archiver.h"
#include "agent/journal/checkpoint.h"
#include "agent/journal/fair_share.h"
#include "agent/journal/shared_state.h"
#include "agent/journal/spare_segment.h"

namespace sluice::journal {

// Owned by the ingest thread.
class Retention {
 public:
  struct Limits {
    uint64_t max_bytes = 0;
    uint64_t keep_bytes = 0;
    uint64_t share_bytes = 0;   // of one user other than root
    uint64_t others_bytes = 0;  // of all users other than root
    uint64_t max_age_nano = 0;
    uint64_t segment_bytes = 0;  // of one that copies go to
  };

  Retention(std::shared_ptr<SharedState> shared, const Clock* clock, Limits limits);

  // A segment that was there.
  void AddSegment(uint64_t first_sequence, SegmentUsage usage);
  // One that is being written: all entries from its first on are in it, and no longer in the
  // segments where they were. Its opening says that all up to `known_synced` is synced.
  void BeginSegment(uint64_t first_sequence, uint64_t opening_bytes, bool partial,
                    uint64_t known_synced);
  void SetLimits(Limits limits) { limits_ = limits; }

  // Room for `bytes` more of `uid`, or RESOURCE_EXHAUSTED, or UNAVAILABLE: room is being made.
  absl::Status MakeRoom(uid_t uid, uint64_t bytes);
  // Adds an entry to what the segment being written takes. Before the entry is made.
  void Charge(uint64_t sequence, uid_t uid, uint64_t bytes);
  // The same for what is no user's and never copied.
  void ChargeState(uint64_t sequence, uint64_t bytes);
  // Entries up to `sequence` are durable, and stay where they are.
  void Settle(uint64_t sequence);
  // A durable entry says that all up to `sequence` is synced.
  void Prove(uint64_t sequence) { proven_ = std::max(proven_, sequence); }
  // Whether the oldest segment could go if only a durable entry said that what it needs is synced.
  bool LacksProof() const;
  bool is_copying() const { return copying_.has_value(); }
  // Its newest entry is of now.
  void StampCurrent();

  // Lets go what is too old, and what is consumed beyond keep_bytes. Where something is to be
  // copied first, that goes on in the background, and Trim is to be called again afterwards.
  void Trim();
  // Whether something was copied since the last call.
  bool AbsorbCopies();
  // Waits for what is being copied.
  void FinishCopying();
  // Whether no later segment has a whole checkpoint, synced or not.
  bool RestsOnOldest() const;

  const std::map<uint64_t, SegmentUsage>& segments() const { return segments_; }
  uint64_t bytes() const { return bytes_; }

  // A file for the next segment to be written over, as SpareSegment. Where the journal is about to
  // be full none is kept.
  std::string TakeSpare() { return spare_.Take(); }
  void DropSpare() { spare_.Drop(); }

 private:
  using Iterator = std::map<uint64_t, SegmentUsage>::iterator;
  using ConstIterator = std::map<uint64_t, SegmentUsage>::const_iterator;

  // An entry that may have to be written again, and the first sequence of the segment charged.
  struct Unsettled {
    uint64_t sequence = 0;
    uint64_t segment = 0;
    std::optional<uid_t> uid;  // of a batch
    uint64_t bytes = 0;
    uint64_t known_synced = 0;  // as the entry says
  };
  // What is being copied.
  struct Copying {
    uint64_t from = 0;
    uint64_t reserved_bytes = 0;
  };
  enum class Step { kFreed, kCopying, kNothing };

  bool Fits(uid_t uid, uint64_t bytes) const;
  bool IsAboveShare(uid_t uid, uint64_t bytes) const;
  // Whether nobody else has anything in the oldest segment.
  bool IsOldestOf(uid_t uid) const;
  bool HasSealed() const { return segments_.size() > 1; }
  uint64_t Proven() const;
  bool IsDurable(uint64_t first_sequence) const;
  // The last segment but the oldest from which a restart could go on, where it begins at or before
  // `sequence`; begin(): none.
  Iterator LastRestart(uint64_t sequence);
  uint64_t LowestCursor() const;
  // Behind the last segment that all sinks are done with.
  Iterator EndOfHistory();

  // One step towards less than `target` bytes of history. The user `yielding` keeps nothing, and
  // the others what they have in keep_bytes; without one, what they have in `target`.
  Step ForgetHistory(uint64_t target, std::optional<uid_t> yielding);
  // The same of all there is.
  Step ForgetUnread(uint64_t target);
  // Looks for the oldest segment before `removable_end` that is worth letting go, given each user's
  // share of what is before `end`.
  Step ForgetBeyond(const FairShare& share, std::optional<uid_t> yielding, Iterator end,
                    Iterator removable_end);
  bool IsWorthIt(const SegmentUsage& usage, uint64_t kept_bytes) const;
  Step LetGo(Iterator segment, std::set<uid_t> kept, uint64_t kept_bytes);
  void Absorb(Archiver::Result result);
  // Of the segments before `end`.
  std::map<uid_t, uint64_t> HeldBefore(Iterator end);

  // False: the oldest is needed, or being copied, or could not be removed.
  bool RemoveOldest(const char* reason);
  bool Remove(Iterator it, const char* reason);
  bool TakeOffDisk(const SharedState::SegmentPtr& segment, const SegmentUsage& usage);
  void CountForgotten(const SegmentUsage& usage, const std::map<uid_t, uint64_t>& kept,
                      const char* reason) const;
  void Move(Unsettled* entry, uint64_t to_segment);
  void ChargeTo(uint64_t sequence, std::optional<uid_t> uid, uint64_t bytes);
  void Add(const SegmentUsage& usage);
  void Subtract(const SegmentUsage& usage);

  const std::shared_ptr<SharedState> shared_;
  const Clock* const clock_;
  Limits limits_;
  std::map<uint64_t, SegmentUsage> segments_;
  std::deque<Unsettled> unsettled_;  // in order
  uint64_t proven_ = 0;
  // Sums over segments_, and what is reserved for copies.
  uint64_t bytes_ = 0;
  uint64_t others_bytes_ = 0;
  std::map<uid_t, uint64_t> bytes_by_uid_;
  SpareSegment spare_;  // beside all this

  std::optional<Copying> copying_;
  // The last copy or removal failed: no more copies until the next Trim, which looks at all again.
  bool disk_fails_ = false;
  // Calls of ForgetHistory for which there was nothing to do, while all that they look at is as it
  // was: a user that is refused would have it all looked through again with each attempt.
  using Question = std::pair<uint64_t, std::optional<uid_t>>;
  using Answer = std::pair<uint64_t, uint64_t>;  // lowest cursor, first that is not removable
  std::map<Question, Answer> futile_;
  // Last: its thread uses what is above.
  Archiver archiver_;
};

}  // namespace sluice::journal
