// One walk over one batch: which of its records go into the journal, and as which bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/ingest/admission.h"
#include "proto/record/check.h"
#include "proto/wire/reader.h"

namespace sluice::ingest {

// Changes nothing outside itself, so that a batch which the journal refuses leaves no trace.
class Admission::BatchPass {
 public:
  // `batch` stays where it is.
  BatchPass(const Admission& admission, const Sender& sender, uint64_t last_sequence,
            std::string_view batch);

  // Goes on for so many fields, or as soon as so many bytes are behind. Returns whether that was
  // the last of it. INVALID_ARGUMENT: it is not an encoded sluice.v1.Batch, or lacks its
  // first_sequence.
  absl::StatusOr<bool> Walk(size_t fields, size_t bytes);

  // Whether there is still room for the spans that it opens. Others may have opened some since.
  bool StillFits() const;

  // Encoded `records` fields for the journal, in order; unchanged neighbours are one piece.
  const std::vector<std::string_view>& pieces() const { return pieces_; }
  // Calls `visit` with each span that this batch drops or ends, where that outlasts the batch.
  void ForEachDroppedChange(
      const std::function<void(const live::SpanKey&, const SpanId& nearest_kept, bool has_ended)>&
          visit) const;
  // Dropped spans that there was no room to remember: their descendants lose their place.
  uint64_t unlinked() const { return unlinked_; }
  // Records that change the open-span table.
  const std::vector<RecordView>& span_changes() const { return span_changes_; }

  uint64_t first_sequence() const { return first_sequence_; }
  uint32_t sent_records() const { return sent_records_; }
  uint64_t already_journalled() const { return already_journalled_; }
  Admitted& result() { return result_; }
  const Admitted& result() const { return result_; }
  const std::map<std::string, uint64_t, std::less<>>& repairs() const { return repairs_; }
  // Values and parts of text.
  uint64_t redacted() const { return redacted_; }
  // What those who were asked for their wishes want counted.
  const live::Counts& counts() const { return counts_; }

 private:
  // A record, and the whole field that it is in.
  void TakeInTurn(std::string_view field, std::string_view record);
  absl::Status TakeOther(const WireField& field);
  absl::Status TakeLoss(std::string_view encoded);
  void Take(std::string_view field, std::string_view record);
  bool IsWanted(const RecordVerdict& verdict);
  std::string_view Repair(const RecordFlaws& flaws, std::string_view record);
  // The record within a field of its own, for as long as the pass lasts.
  std::string_view Own(std::string_view record);
  // Takes out of the record, and its field, what is not to be kept. False: it is too large then.
  bool Redact(std::string_view* field, std::string_view* record, RecordView* view);
  live::SpanKey KeyOf(const RecordView& record) const;
  void DropUnwanted(const RecordView& record);
  // Whether the record updates or ends a span that was dropped, and goes the same way.
  bool IsOfDropped(const RecordView& record);
  // Where there are none, as a rule, nothing is looked up.
  bool HasDropped() const { return !dropped_.empty() || admission_.spans().has_dropped(); }
  bool IsDroppedNow(const live::SpanKey& key) const;
  void EndDropped(const live::SpanKey& key);
  // The nearest kept ancestor of a dropped span that the sender may name. nullopt: it was not
  // dropped.
  std::optional<SpanId> FindKeptAncestor(const TraceId& trace_id, const SpanId& span_id) const;
  // `field`, or a copy that names what is kept where it names a span that was dropped.
  std::string_view Reattach(std::string_view field, std::string_view encoded, RecordView* record);
  bool HasRoomToOpen() const;
  // Why the record cannot be applied to the open spans; empty: it can.
  std::string_view JudgeSpan(const RecordView& record);
  // Whether open spans may take so many bytes more.
  bool TakeBytes(size_t bytes);
  bool IsOpen(const live::SpanKey& key) const;
  void AddPiece(std::string_view piece);
  // A copy behind the last one, so that many small pieces become few.
  std::string_view Gather(std::string_view piece);
  void Drop(std::string_view reason) { ++result_.drops[std::string(reason)]; }

  const Admission& admission_;
  const Sender& sender_;
  const bool is_numbered_;  // its records have sequence numbers of a client
  const uint64_t last_sequence_;
  WireReader reader_;
  const char* const end_;
  // The record that is looked at.
  live::Candidate candidate_;

  std::vector<std::string_view> pieces_;
  std::list<std::string> repaired_;  // costs nothing while it is empty
  std::list<std::string> gathered_;
  std::vector<RecordView> span_changes_;
  // Spans that this batch opens (true) or ends (false).
  absl::flat_hash_map<live::SpanKey, bool> changed_;
  // A span that was dropped, as this batch leaves it; it gives its descendants their place in any
  // case.
  struct Dropped {
    SpanId nearest_kept;
    enum class Change { kNone, kBegins, kEnds } change = Change::kNone;
  };
  absl::flat_hash_map<live::SpanKey, Dropped> dropped_;
  uint64_t unlinked_ = 0;
  int opened_ = 0;
  size_t opened_bytes_ = 0;

  uint64_t first_sequence_ = 0;
  uint32_t sent_records_ = 0;
  uint64_t already_journalled_ = 0;
  std::map<std::string, uint64_t, std::less<>> repairs_;
  uint64_t redacted_ = 0;
  live::Counts counts_;
  Admitted result_;
};

}  // namespace sluice::ingest
