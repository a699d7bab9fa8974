// Which traces the journal holds, newest first.
//
// Problem: A journal holds millions of records, and the newest twenty traces are asked for. No
// index is kept. A trace may have begun long before its newest record.
//
// So the journal is read backwards, segment by segment, each from its checkpoint on. A checkpoint
// says which spans were open there: a trace with none of them, none of whose spans began before the
// segment came, is whole. Once there are enough whole ones all others are older, for they began
// before this segment.
//
// Invariants:
// * traces_ holds what may have begun before the segments read so far; found_ what has not, and is
//   asked for. A trace is in one of them.
// * Sums do not depend on the order in which records come, so that older segments can be added to
//   newer ones.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "agent/control/streamed_answer.h"
#include "agent/journal/journal.h"
#include "agent/live/span.h"

namespace sluice::control {

// Which traces are asked for. What is not set does not restrict. sluice.v1.TracesRequest says more.
struct TraceFilter {
  // Nothing of any other uid is even read.
  std::optional<uid_t> only_uid;
  size_t limit = 20;
  uint64_t since_unix_nano = 0;
  uint64_t until_unix_nano = UINT64_MAX;
  std::string boot_id;
  std::optional<uid_t> uid;
  std::string unit;
  std::string service_name;
  bool failed = false;
  uint64_t slower_than_nano = 0;
  std::string text;
  std::string run_id;
  // Lower-case hexadecimal digits that the trace id begins with.
  std::string id_prefix;
  // Also traces of which there are events alone, their spans being of another host.
  bool any_records = false;
};

// One trace, summed up.
struct TraceSums {
  TraceId id;
  uint64_t first_sequence = UINT64_MAX;
  uint64_t first_offset = 0;  // of that entry in its segment
  uint64_t last_sequence = 0;
  uint64_t received_unix_nano = UINT64_MAX;  // its first record
  uint64_t start_unix_nano = UINT64_MAX;     // UINT64_MAX: not known
  uint64_t end_unix_nano = 0;                // 0: not known
  std::string boot_id;
  // Of its root span or, where that is not there, of the first that began.
  bool has_root = false;
  uint64_t root_start_unix_nano = UINT64_MAX;
  std::string root_name;
  std::shared_ptr<const live::Origin> root_origin;  // null: no span began

  uint64_t spans = 0;
  uint64_t events = 0;
  uint64_t errors = 0;
  uint64_t aborted = 0;
  uint64_t open = 0;
  // What of the filter some record of it fulfils.
  bool has_uid = false;
  bool has_unit = false;
  bool has_service = false;
  bool has_text = false;
  bool has_run = false;

  // By when it began, or else came.
  uint64_t BeganAt() const {
    return start_unix_nano == UINT64_MAX ? received_unix_nano : start_unix_nano;
  }
};

// Owned by one thread, for one question.
class TraceScan {
 public:
  // `journal` and `stream` outlive it. Open traces last until `now_unix_nano`.
  TraceScan(journal::Journal* journal, TraceFilter filter, uint64_t now_unix_nano,
            AnswerStream* stream);

  // Newest first. Ends early where nobody listens any more.
  std::vector<TraceSums> Run();

 private:
  using SpansOfUsers = absl::flat_hash_set<std::pair<uid_t, SpanId>>;

  void RestoreOpen(std::string_view checkpoint);
  void ReadSegment(uint64_t end_sequence);
  void AddEntry(const journal::Entry& entry);
  void AddRecord(const journal::Entry& entry, const RecordView& record);
  void AddSpan(const journal::Entry& entry, const RecordView& record, TraceSums* sums);
  void ChooseRoot(const journal::Entry& entry, const SpanView& span, TraceSums* sums);
  TraceSums* Find(const TraceId& id);
  void CountOpen();
  void LimitTraces();
  void SettleWhole();
  void Settle(TraceSums sums);
  bool IsAskedFor(const TraceSums& sums) const;
  void ForgetOldest(size_t kept);

  const TraceFilter filter_;
  const uint64_t now_unix_nano_;
  AnswerStream* const stream_;
  journal::Journal* const journal_;
  const std::unique_ptr<journal::Reader> reader_;

  // Open at the place that is read, and at the beginning of its segment.
  absl::flat_hash_map<TraceId, SpansOfUsers> open_;
  absl::flat_hash_set<TraceId> open_before_;
  absl::flat_hash_map<TraceId, TraceSums> traces_;
  // Of traces_, in the order in which they came.
  std::deque<TraceId> in_order_;
  absl::flat_hash_map<TraceId, TraceSums> found_;
  // Of the entry that is read; made when first needed.
  std::shared_ptr<const live::Origin> origin_;
  // When the entries of the segment came that is read.
  struct {
    uint64_t oldest = UINT64_MAX;
    uint64_t newest = 0;
  } received_;
};

}  // namespace sluice::control
