#include "agent/ingest/batch_pass.h"

#include "agent/journal/field_numbers.h"
#include "proto/kvp/report.h"
#include "proto/kvp/slot.h"
#include "proto/record/field_numbers.h"
#include "proto/record/limits.h"
#include "proto/record/names.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace sluice::ingest {
namespace {

constexpr uint32_t kFirstSequenceTag = WireTag(batch_field::kFirstSequence, WireType::kVarint);
constexpr uint32_t kRecordsTag = WireTag(batch_field::kRecords, WireType::kBytes);
constexpr uint32_t kRecordsField = journal::journal_batch_field::kRecords;
static_assert(kRecordsField == batch_field::kRecords, "a run of records is copied whole");

bool ChangesSpans(RecordKind kind) {
  return kind == RecordKind::kSpanStart || kind == RecordKind::kSpanUpdate ||
         kind == RecordKind::kSpanEnd;
}

}  // namespace

Admission::BatchPass::BatchPass(const Admission& admission, const Sender& sender,
                                uint64_t last_sequence)
    : admission_(admission), sender_(sender), last_sequence_(last_sequence) {}

absl::Status Admission::BatchPass::Walk(std::string_view batch) {
  // first_sequence has the lower number, so all writers put it first.
  WireReader reader(batch);
  const char* begin = reader.position();
  for (WireField field; reader.Next(&field); begin = reader.position()) {
    if (field.tag == kFirstSequenceTag) first_sequence_ = field.scalar;
    if (field.tag != kRecordsTag) continue;
    if (sender_.client_id.has_value() && first_sequence_ == 0) {
      return absl::InvalidArgumentError("Batch without first_sequence before its records");
    }
    const uint64_t sequence = first_sequence_ + sent_records_++;
    if (sender_.client_id.has_value() && sequence <= last_sequence_) {
      ++already_journalled_;
      continue;
    }
    Take({begin, static_cast<size_t>(reader.position() - begin)}, field.bytes);
  }
  if (!reader.ok()) return absl::InvalidArgumentError("not an encoded sluice.v1.Batch");
  return absl::OkStatus();
}

void Admission::BatchPass::Take(std::string_view field, std::string_view record) {
  RecordVerdict verdict = CheckRecord(record);
  if (verdict.fault != RecordFault::kNone) return Drop(RecordFaultName(verdict.fault));
  const bool report = verdict.has_report && IsReport(verdict.view);
  if (!report && admission_.wanted_ && verdict.view.kind != RecordKind::kSpanEnd &&
      verdict.view.kind != RecordKind::kSpanUpdate && !IsWanted(verdict.view)) {
    return Drop(kUnwantedLevel);
  }
  if (verdict.flaws.any()) {
    record = Repair(verdict.flaws, record);
    field = repaired_.back();
    const auto mended = ReadRecord(record);
    // Mending may take it over the limit; then nothing is left.
    if (!mended.has_value()) return Drop(RecordFaultName(RecordFault::kTooLarge));
    verdict.view = *mended;
  }
  if (ChangesSpans(verdict.view.kind)) {
    if (const auto reason = JudgeSpan(verdict.view); !reason.empty()) return Drop(reason);
    span_changes_.push_back(verdict.view);
  }
  ++result_.accepted;
  has_report_ |= report;
  AddPiece(field);
}

// The end of a span that failed counts as an error, and a whole span has one.
bool Admission::BatchPass::IsWanted(const RecordView& record) const {
  if (admission_.wanted_(record.target, record.level)) return true;
  return record.kind == RecordKind::kSpan && record.span.status == StatusCode::kError &&
         admission_.wanted_(record.target, Level::kError);
}

std::string_view Admission::BatchPass::Repair(const RecordFlaws& flaws, std::string_view record) {
  if (flaws.reserved_attributes > 0) repairs_["reserved_attribute"] += flaws.reserved_attributes;
  if (flaws.surplus_attributes > 0) repairs_["surplus_attribute"] += flaws.surplus_attributes;
  if (flaws.invalid_utf8) ++repairs_["invalid_utf8"];
  if (flaws.long_target) ++repairs_["long_target"];
  const std::string mended = RepairRecord(record);
  std::string& field = repaired_.emplace_back();
  StringWireWriter{StringSink(&field)}.Bytes(kRecordsField, mended);
  return std::string_view(field).substr(field.size() - mended.size());
}

bool Admission::BatchPass::IsReport(const RecordView& event) {
  const auto text = FindHealthReport(event);
  if (!text.has_value() || admission_.report_gate_ == nullptr) return false;
  if (!refusal_.has_value()) {
    refusal_ = admission_.report_gate_->Judge(sender_.origin->identity).reason;
  }
  if (refusal_->empty() && kvp::FitsOneRecord(*text)) return true;
  ++refused_reports_[refusal_->empty() ? "size" : *refusal_];
  return false;
}

bool Admission::BatchPass::IsOpen(const live::SpanKey& key) const {
  const auto changed = changed_.find(key);
  return changed != changed_.end() ? changed->second : admission_.spans().Find(key) != nullptr;
}

std::string_view Admission::BatchPass::JudgeSpan(const RecordView& record) {
  const uid_t uid = sender_.origin->identity.uid;
  const live::SpanKey key{uid, record.span.trace_id, record.span.span_id};
  const bool open = IsOpen(key);
  if (record.kind != RecordKind::kSpanStart) {
    if (!open) return "unknown_span";
    if (record.kind == RecordKind::kSpanEnd) {
      changed_[key] = false;
      return {};
    }
    return TakeBytes(record.span.body.size()) ? "" : "open_span_bytes";
  }
  if (open) return "duplicate_start";
  if (admission_.spans().CountOf(uid) + opened_ >= limits::kOpenSpansPerUid) {
    return "too_many_open_spans";
  }
  if (!TakeBytes(live::SpanTable::BytesOf(record, *sender_.origin))) return "open_span_bytes";
  changed_[key] = true;
  ++opened_;
  result_.opened_spans = true;
  return {};
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
  pieces_.push_back(piece);
}

}  // namespace sluice::ingest
