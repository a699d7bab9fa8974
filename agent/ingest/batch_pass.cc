// Problem: Each record must be judged as if those before it in the batch had been applied, yet
// nothing may be applied until the journal took the batch. And most batches are sound, so that a
// record which nobody changes should not be copied.
//
// States: A record is passed over because it is journalled already, or it is checked, held against
// what the journal and the sinks want (IsWanted), repaired where it has flaws, given another parent
// where its own was dropped (Reattach), judged as a change of the open spans, and added to pieces_.
// Each step may drop it alone; then the next record comes.
//
// Invariants:
// * changed_ and dropped_ lie over the span table: IsOpen, IsDroppedNow and FindKeptAncestor ask
//   them first. A look at the table alone would refuse the END of a span that began in the same
//   batch.
// * Every record takes a number, kept or not. So the acknowledgement covers dropped ones too, and
//   the client does not send them again.
// * pieces_ points into the caller's batch, into repaired_ or into gathered_, lists whose strings
//   never move; those of gathered_ never outgrow what they reserved.
//   The journal copies the pieces before either goes.
// * span_changes_ has only what JudgeSpan found room for, by counts that are never below the
//   table's. Otherwise SpanTable::Apply would refuse in silence, and the table would no longer
//   match the journal. Where the table changes between two slices, PendingBatch begins anew.

#include "agent/ingest/batch_pass.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"
#include "agent/journal/field_numbers.h"
#include "agent/net/grpc/request.h"
#include "proto/record/field_numbers.h"
#include "proto/record/limits.h"
#include "proto/record/names.h"
#include "proto/record/repair.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"
#include "sluice/v1/ingest.pb.h"

namespace sluice::ingest {
namespace {

constexpr uint32_t kFirstSequenceTag = WireTag(batch_field::kFirstSequence, WireType::kVarint);
constexpr uint32_t kRecordsTag = WireTag(batch_field::kRecords, WireType::kBytes);
constexpr uint32_t kClientLossesTag = WireTag(batch_field::kClientLosses, WireType::kBytes);
constexpr uint32_t kRecordsField = journal::journal_batch_field::kRecords;
static_assert(kRecordsField == batch_field::kRecords, "a run of records is copied whole");
// Where a record names the span that it stands in.
constexpr uint32_t kEventSpanIdTag = WireTag(log_record_field::kSpanId, WireType::kBytes);
constexpr uint32_t kParentSpanIdTag = WireTag(span_field::kParentSpanId, WireType::kBytes);

// Beyond so many, pieces are copied together: the journal takes them all in one go.
constexpr size_t kManyPieces = 4096;
constexpr size_t kGatherBytes = 64 * 1024;

bool ChangesSpans(RecordKind kind) {
  return kind == RecordKind::kSpanStart || kind == RecordKind::kSpanUpdate ||
         kind == RecordKind::kSpanEnd;
}

}  // namespace

Admission::BatchPass::BatchPass(const Admission& admission, const Sender& sender,
                                uint64_t last_sequence, std::string_view batch)
    : admission_(admission),
      sender_(sender),
      is_numbered_(sender.client_id.has_value()),
      last_sequence_(last_sequence),
      reader_(batch),
      end_(batch.data() + batch.size()),
      candidate_{.origin = sender.origin.get(),
                 .sender_is_host_root = sender.is_host_root,
                 .counts = &counts_} {}

absl::StatusOr<bool> Admission::BatchPass::Walk(size_t fields, size_t bytes) {
  WireReader reader = reader_;
  const char* begin = reader.position();
  const char* const pause = static_cast<size_t>(end_ - begin) > bytes ? begin + bytes : end_;
  for (WireField field; reader.Next(&field); begin = reader.position()) {
    if (field.tag == kRecordsTag && (first_sequence_ != 0 || !is_numbered_)) [[likely]] {
      TakeInTurn({begin, static_cast<size_t>(reader.position() - begin)}, field.bytes);
    } else {
      RETURN_IF_ERROR(TakeOther(field));
    }
    if ((--fields > 0 && reader.position() < pause) || reader.position() == end_) continue;
    reader_ = reader;
    return false;
  }
  if (!reader.ok()) return absl::InvalidArgumentError("not an encoded sluice.v1.Batch");
  reader_ = reader;
  return true;
}

inline void Admission::BatchPass::TakeInTurn(std::string_view field, std::string_view record) {
  const uint64_t sequence = first_sequence_ + sent_records_++;
  if (is_numbered_ && sequence <= last_sequence_) {
    ++already_journalled_;
  } else {
    Take(field, record);
  }
}

absl::Status Admission::BatchPass::TakeOther(const WireField& field) {
  switch (field.tag) {
    case kFirstSequenceTag:
      first_sequence_ = field.scalar;
      return absl::OkStatus();
    case kClientLossesTag:
      return TakeLoss(field.bytes);
    case kRecordsTag:
      // It has the lower number, so all writers put it first.
      return absl::InvalidArgumentError("Batch without first_sequence before its records");
    default:
      return absl::OkStatus();
  }
}

absl::Status Admission::BatchPass::TakeLoss(std::string_view encoded) {
  v1::Drop loss;
  RETURN_IF_ERROR(net::ParseRequest(encoded, &loss));
  if (loss.reason().empty() || loss.reason().size() > limits::kLossReasonBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("client_losses: a reason has 1 to ", limits::kLossReasonBytes, " bytes"));
  }
  LossTotals& losses = result_.client_losses;
  losses[loss.reason()] = loss.count();
  if (losses.size() > limits::kLossReasons) {
    return absl::InvalidArgumentError(
        absl::StrCat("client_losses: more than ", limits::kLossReasons, " reasons"));
  }
  return absl::OkStatus();
}

void Admission::BatchPass::Take(std::string_view field, std::string_view record) {
  RecordVerdict verdict = CheckRecord(record);
  if (verdict.fault != RecordFault::kNone) return Drop(RecordFaultName(verdict.fault));
  if (!IsWanted(verdict)) return DropUnwanted(verdict.view);
  if (HasDropped() && IsOfDropped(verdict.view)) return Drop(kUnwantedLevel);
  if (verdict.flaws.any()) {
    record = Repair(verdict.flaws, record);
    field = repaired_.back();
    const auto mended = ReadRecord(record);
    // Mending may take it over the limit; then nothing is left.
    if (!mended.has_value()) return Drop(RecordFaultName(RecordFault::kTooLarge));
    verdict.view = *mended;
  }
  if (admission_.redactor() != nullptr && !Redact(&field, &record, &verdict.view)) {
    return Drop(RecordFaultName(RecordFault::kTooLarge));
  }
  if (HasDropped()) field = Reattach(field, record, &verdict.view);
  if (ChangesSpans(verdict.view.kind)) {
    if (const auto reason = JudgeSpan(verdict.view); !reason.empty()) return Drop(reason);
    // Now that it is wanted it takes its place again.
    if (verdict.view.kind == RecordKind::kSpanStart) EndDropped(KeyOf(verdict.view));
    span_changes_.push_back(verdict.view);
  }
  ++result_.accepted;
  AddPiece(field);
}

bool Admission::BatchPass::IsWanted(const RecordVerdict& verdict) {
  if (!admission_.wanted_ || verdict.view.kind == RecordKind::kSpanEnd ||
      verdict.view.kind == RecordKind::kSpanUpdate) {
    return true;
  }
  candidate_.record = &verdict.view;
  candidate_.key_sizes = verdict.key_sizes;
  return admission_.wanted_(candidate_);
}

std::string_view Admission::BatchPass::Repair(const RecordFlaws& flaws, std::string_view record) {
  if (flaws.reserved_attributes > 0) repairs_["reserved_attribute"] += flaws.reserved_attributes;
  if (flaws.surplus_attributes > 0) repairs_["surplus_attribute"] += flaws.surplus_attributes;
  if (flaws.invalid_utf8) ++repairs_["invalid_utf8"];
  if (flaws.long_target) ++repairs_["long_target"];
  return Own(RepairRecord(record));
}

std::string_view Admission::BatchPass::Own(std::string_view record) {
  std::string& field = repaired_.emplace_back();
  StringWireWriter{StringSink(&field)}.Bytes(kRecordsField, record);
  return std::string_view(field).substr(field.size() - record.size());
}

bool Admission::BatchPass::Redact(std::string_view* field, std::string_view* record,
                                  RecordView* view) {
  const auto redacted = admission_.redactor()->Redact(Redactor::Kind::kRecord, *record, &redacted_);
  if (!redacted.has_value()) return true;
  if (redacted->size() > limits::kRecordBytes) return false;
  *record = Own(*redacted);
  *field = repaired_.back();
  *view = *ReadRecord(*record);
  return true;
}

live::SpanKey Admission::BatchPass::KeyOf(const RecordView& record) const {
  return {sender_.origin->identity.uid, record.span.trace_id, record.span.span_id};
}

// The link to what is above a span is kept when the span is not: its descendants belong there.
void Admission::BatchPass::DropUnwanted(const RecordView& record) {
  Drop(kUnwantedLevel);
  if (record.kind == RecordKind::kEvent) return;
  const live::SpanKey key = KeyOf(record);
  if (IsOpen(key) || IsDroppedNow(key)) return;
  const auto above = FindKeptAncestor(record.span.trace_id, record.span.parent_span_id);
  Dropped dropped{above.value_or(record.span.parent_span_id)};
  // One that comes whole is over: only what is behind it in this batch can name it.
  if (record.kind == RecordKind::kSpanStart) {
    if (!HasRoomToOpen() || !TakeBytes(live::SpanTable::kDroppedSpanBytes)) {
      ++unlinked_;
      return;
    }
    ++opened_;
    result_.opened_spans = true;
    dropped.change = Dropped::Change::kBegins;
  }
  dropped_[key] = dropped;
}

bool Admission::BatchPass::IsDroppedNow(const live::SpanKey& key) const {
  if (!HasDropped()) return false;
  const auto here = dropped_.find(key);
  if (here != dropped_.end()) return here->second.change == Dropped::Change::kBegins;
  return admission_.spans().FindDropped(key) != nullptr;
}

bool Admission::BatchPass::IsOfDropped(const RecordView& record) {
  if (record.kind != RecordKind::kSpanUpdate && record.kind != RecordKind::kSpanEnd) return false;
  const live::SpanKey key = KeyOf(record);
  if (!IsDroppedNow(key)) return false;
  if (record.kind == RecordKind::kSpanEnd) EndDropped(key);
  return true;
}

void Admission::BatchPass::EndDropped(const live::SpanKey& key) {
  if (!IsDroppedNow(key)) return;
  const live::SpanTable::Dropped* const before = admission_.spans().FindDropped(key);
  const auto [here, is_new] = dropped_.try_emplace(key);
  if (is_new) here->second.nearest_kept = before->nearest_kept;
  if (here->second.change == Dropped::Change::kBegins) --opened_;
  here->second.change = before == nullptr ? Dropped::Change::kNone : Dropped::Change::kEnds;
}

std::optional<SpanId> Admission::BatchPass::FindKeptAncestor(const TraceId& trace_id,
                                                             const SpanId& span_id) const {
  const uid_t uid = sender_.origin->identity.uid;
  const live::SpanKey own{uid, trace_id, span_id};
  if (!HasDropped() || IsOpen(own)) return std::nullopt;
  if (const auto here = dropped_.find(own); here != dropped_.end()) {
    return here->second.nearest_kept;
  }
  const live::SpanTable::Dropped* before = admission_.spans().FindDropped(own);
  // Root's spans may be parents for all.
  if (before == nullptr && uid != 0) {
    before = admission_.spans().FindDropped({0, trace_id, span_id});
  }
  if (before == nullptr) return std::nullopt;
  return before->nearest_kept;
}

std::string_view Admission::BatchPass::Reattach(std::string_view field, std::string_view encoded,
                                                RecordView* record) {
  const bool is_event = record->kind == RecordKind::kEvent;
  const SpanId named = is_event ? record->event.span_id : record->span.parent_span_id;
  if (named.IsZero()) return field;
  const auto kept = FindKeptAncestor(record->trace_id(), named);
  if (!kept.has_value()) return field;
  std::string& copy = repaired_.emplace_back(field);
  const std::string_view body = is_event ? record->event.body : record->span.body;
  WireReader reader(body);
  for (WireField part; reader.Next(&part);) {
    if (part.tag != (is_event ? kEventSpanIdTag : kParentSpanIdTag)) continue;
    if (part.bytes.size() != kept->bytes.size()) continue;
    copy.replace(part.bytes.data() - field.data(), part.bytes.size(), kept->raw());
  }
  // Of the same lengths, so that it reads as well as before.
  *record = *ReadRecord(std::string_view(copy).substr(encoded.data() - field.data()));
  return copy;
}

void Admission::BatchPass::ForEachDroppedChange(
    const std::function<void(const live::SpanKey&, const SpanId& nearest_kept, bool has_ended)>&
        visit) const {
  for (const auto& [key, dropped] : dropped_) {
    if (dropped.change == Dropped::Change::kNone) continue;
    visit(key, dropped.nearest_kept, dropped.change == Dropped::Change::kEnds);
  }
}

bool Admission::BatchPass::IsOpen(const live::SpanKey& key) const {
  const auto changed = changed_.find(key);
  return changed != changed_.end() ? changed->second : admission_.spans().Find(key) != nullptr;
}

bool Admission::BatchPass::HasRoomToOpen() const {
  return admission_.spans().CountOf(sender_.origin->identity.uid) + opened_ <
         limits::kOpenSpansPerUid;
}

std::string_view Admission::BatchPass::JudgeSpan(const RecordView& record) {
  const live::SpanKey key = KeyOf(record);
  const bool open = IsOpen(key);
  if (record.kind != RecordKind::kSpanStart) {
    if (!open) return "unknown_span";
    if (record.kind == RecordKind::kSpanEnd) {
      // Its bytes are not given back: ended spans that have children keep a part of them.
      --opened_;
      changed_[key] = false;
      return {};
    }
    return TakeBytes(live::SpanTable::BytesOf(record)) ? "" : "open_span_bytes";
  }
  if (open) return "duplicate_start";
  if (!HasRoomToOpen()) return "too_many_open_spans";
  if (!TakeBytes(live::SpanTable::BytesOf(record, *sender_.origin))) return "open_span_bytes";
  changed_[key] = true;
  ++opened_;
  result_.opened_spans = true;
  return {};
}

bool Admission::BatchPass::StillFits() const {
  return opened_bytes_ == 0 ||
         admission_.spans().FitsBytes(sender_.origin->identity.uid, opened_bytes_);
}

bool Admission::BatchPass::TakeBytes(size_t bytes) {
  const uid_t uid = sender_.origin->identity.uid;
  if (!admission_.spans().FitsBytes(uid, opened_bytes_ + bytes)) return false;
  opened_bytes_ += bytes;
  return true;
}

void Admission::BatchPass::AddPiece(std::string_view piece) {
  if (!pieces_.empty()) {
    std::string_view& last = pieces_.back();
    if (last.data() + last.size() == piece.data()) {
      last = {last.data(), last.size() + piece.size()};
      return;
    }
  }
  if (pieces_.size() >= kManyPieces) piece = Gather(piece);
  if (piece.empty()) return;
  pieces_.push_back(piece);
}

// Empty: the last piece grew by it.
std::string_view Admission::BatchPass::Gather(std::string_view piece) {
  if (gathered_.empty() || gathered_.back().size() + piece.size() > gathered_.back().capacity()) {
    gathered_.emplace_back().reserve(std::max(kGatherBytes, piece.size()));
  }
  std::string& block = gathered_.back();
  const bool follows = pieces_.back().data() + pieces_.back().size() == block.data() + block.size();
  block.append(piece);
  const std::string_view copy = std::string_view(block).substr(block.size() - piece.size());
  if (!follows || block.size() == copy.size()) return copy;
  pieces_.back() = {pieces_.back().data(), pieces_.back().size() + copy.size()};
  return {};
}

}  // namespace sluice::ingest
