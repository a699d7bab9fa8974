// The spans that are open, by (uid, trace id, span id). The ingest thread keeps one table of what
// is open at the end of the journal; every sink keeps one of what is open at its own cursor.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "agent/live/span.h"
#include "proto/record/limits.h"

namespace sluice::live {

// A START or UPDATE that would take what is open beyond one of them is refused.
struct SpanLimits {
  int spans_per_uid = std::numeric_limits<int>::max();
  size_t bytes_per_uid = std::numeric_limits<size_t>::max();
  // Of all uids but 0; one that holds less than an eighth of its own limit is let in all the same.
  size_t bytes_of_users = std::numeric_limits<size_t>::max();
  size_t ended_bytes_per_uid = limits::kEndedSpanBytesPerUid;

  // Those of limits.h, or so much less that what is open fits a journal of so many bytes several
  // times, since each of its segments begins with it.
  static SpanLimits OfJournal(uint64_t journal_bytes);
};

class SpanTable {
 public:
  explicit SpanTable(SpanLimits limits = {}) : limits_(limits) {}

  // What is open beyond them stays.
  void SetLimits(const SpanLimits& limits) { limits_ = limits; }

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
  static constexpr size_t kDroppedSpanBytes = 128;
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
  // Of one uid, dropped ones included.
  int CountOf(uid_t uid) const;
  // Whether `bytes` more stay within the limits.
  bool FitsBytes(uid_t uid, size_t bytes) const;
  // What is kept of a uid's spans that ended, for their open children.
  size_t EndedBytesOf(uid_t uid) const;
  // What a START takes of them.
  static size_t BytesOf(const RecordView& start, const Origin& origin);

 private:
  struct Usage {
    int spans = 0;
    size_t bytes = 0;
    // Shared with the spans that count in it.
    std::shared_ptr<size_t> ended_bytes = std::make_shared<size_t>(0);
  };

  void AddBytes(uid_t uid, size_t bytes);
  // What one of them took.
  void ForgetDropped(uid_t uid);
  void SubtractBytes(uid_t uid, size_t bytes);

  SpanLimits limits_;
  size_t users_bytes_ = 0;
  absl::flat_hash_map<SpanKey, std::shared_ptr<Span>> spans_;
  absl::flat_hash_map<SpanKey, Dropped> dropped_;
  absl::flat_hash_map<uid_t, Usage> usage_;
};

}  // namespace sluice::live
