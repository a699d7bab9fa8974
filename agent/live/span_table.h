// The spans that are open, by (uid, trace id, span id). The ingest thread keeps one table of what
// is open at the end of the journal; every sink keeps one of what is open at its own cursor.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/base/user_of.h"
#include "agent/live/span.h"
#include "proto/record/limits.h"

namespace sluice::live {

// A START or UPDATE that would take what is held beyond one of them is refused. Bytes are those of
// the memory that spans take (SpanTable::BytesOf), ended ones that are kept included.
struct SpanLimits {
  int spans_per_uid = std::numeric_limits<int>::max();
  size_t bytes_per_uid = std::numeric_limits<size_t>::max();
  // Of all uids but 0, shared as SharedLimit says: a small part is for each of 64 whatever others
  // hold, and the sum has no floors.
  size_t bytes_of_users = std::numeric_limits<size_t>::max();
  size_t ended_bytes_per_uid = limits::kEndedSpanBytesPerUid;

  // Those of limits.h, or so much less that what is open fits a journal of so many bytes several
  // times, since each of its segments begins with it.
  static SpanLimits OfJournal(uint64_t journal_bytes);
};

class SpanTable {
 public:
  explicit SpanTable(const SpanLimits& limits = {}) { SetLimits(limits); }

  // What is open beyond them stays.
  void SetLimits(const SpanLimits& limits);

  enum class Result { kDone, kAlreadyOpen, kNotOpen, kOverLimit };

  // A START record. Its parent is looked up here and may be one of root's spans.
  Result Open(const RecordView& start, std::shared_ptr<const Origin> origin,
              uint64_t received_boottime_nano);

  // A SPAN record as a span of its own that is never in the table.
  std::shared_ptr<Span> Whole(const RecordView& record, std::shared_ptr<const Origin> origin) const;

  // The open span itself; null: not open.
  std::shared_ptr<Span> Find(const SpanKey& key) const;

  // The open span that `uid` may name as a parent or as an event's place: its own, or root's.
  std::shared_ptr<Span> FindEnclosing(uid_t uid, const TraceId& trace_id,
                                      const SpanId& span_id) const;

  // An UPDATE record of `uid`, merged into its span.
  Result Update(uid_t uid, const RecordView& update);

  // An END record of `uid`: merged into its span, which leaves the table. Null: not open, or
  // another uid's.
  std::shared_ptr<Span> Close(uid_t uid, const RecordView& end);

  // To be called with what Close gave, when all is done that needs the whole of it. Frees body and
  // origin; name and ancestors stay for the span's open children. Where too much of its uid's has
  // ended and stays, they go too, and the name is `...`: so no chain of children can hold more.
  // What stays goes on counting in its uid's bytes.
  void Retire(std::shared_ptr<Span> span);

  // A span that admission dropped, of which nothing is kept but where its descendants belong. It
  // counts as an open span of its uid, in number and with kDroppedSpanBytes.
  struct Dropped {
    // Its nearest ancestor that was not dropped; zero: it has none.
    SpanId nearest_kept;
    // Who sent it, whose end is its end where there is no owner.
    pid_t pid = 0;
    uint64_t start_time_ticks = 0;
    SpanOwner owner = {};
  };
  static constexpr size_t kDroppedSpanBytes = 144;
  void AddDropped(const SpanKey& key, const Dropped& span);
  void RemoveDropped(const SpanKey& key);
  void RemoveDroppedIf(const std::function<bool(const SpanKey&, const Dropped&)>& selects);
  bool has_dropped() const { return !dropped_.empty(); }
  // Null: not dropped, or over.
  const Dropped* FindDropped(const SpanKey& key) const {
    if (dropped_.empty()) [[likely]]
      return nullptr;
    const auto found = dropped_.find(key);
    return found == dropped_.end() ? nullptr : &found->second;
  }
  void ForEachDropped(const std::function<void(const SpanKey&, const Dropped&)>& visit) const;

  // Whichever of the three the record asks for; other kinds change nothing.
  void Apply(const RecordView& record, const std::shared_ptr<const Origin>& origin,
             uint64_t received_boottime_nano);

  void ForEach(const std::function<void(const std::shared_ptr<Span>&)>& visit) const;
  size_t size() const { return spans_.size(); }

  // Where a walk over one uid's open spans stands. Any number of turns may pass between two pieces.
  struct WalkPlace {
    // Of the last span visited, and of the last that there was when the walk began.
    uint64_t order = 0;
    uint64_t end = 0;
    // What the last piece passed, by which the place is found again though some of it has ended.
    std::vector<std::pair<SpanKey, uint64_t>> passed;
  };
  // Visits the spans of `uid` behind `place`, oldest first, each once, and passes at most `most`.
  // False: it came to the end.
  bool VisitSome(uid_t uid, size_t most, WalkPlace* place,
                 const std::function<void(const Span&)>& visit) const;
  // The uids that have open spans, rising.
  std::vector<uid_t> Uids() const;

  // Of one uid, dropped ones included.
  int CountOf(uid_t uid) const;
  // Of one uid, without them.
  size_t OpenCountOf(uid_t uid) const;
  // Whether `bytes` more stay within the limits.
  bool FitsBytes(uid_t uid, size_t bytes) const;
  // What is kept of a uid's spans that ended, for their open children.
  size_t EndedBytesOf(uid_t uid) const;
  // What is held of all uids but 0.
  size_t BytesOfUsers() const { return users_bytes_->held(); }
  // The memory that a START takes, to within a fifth. Its origin counts in full for each span, for
  // checkpoints repeat it; in memory the spans of one batch share it.
  static size_t BytesOf(const RecordView& start, const Origin& origin);
  // What an UPDATE adds.
  static size_t BytesOf(const RecordView& update);

 private:
  struct Usage {
    int spans = 0;  // dropped ones included
    size_t open = 0;
    // In the order in which they began.
    Span* first = nullptr;
    Span* last = nullptr;
    std::shared_ptr<SpanBytes> bytes;
  };

  Usage& UsageOf(uid_t uid);
  void Link(Span* span, Usage* usage);
  static void Unlink(Span* span, Usage* usage);
  // Where nothing is left of a uid's, nothing of it stays.
  void ForgetIfEmpty(uid_t uid);
  // What one of them took.
  void ForgetDropped(uid_t uid);
  const Span* FirstBehind(const Usage& usage, const WalkPlace& place) const;

  SpanLimits limits_;
  uint64_t last_order_ = 0;
  std::shared_ptr<SharedLimit> users_bytes_;
  absl::flat_hash_map<SpanKey, std::shared_ptr<Span>> spans_;
  absl::flat_hash_map<SpanKey, Dropped> dropped_;
  ByUser<Usage> usage_;
};

}  // namespace sluice::live
