// One walk over one batch: which of its records go into the journal, and as which bytes.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/ingest/admission.h"
#include "proto/record/check.h"

namespace sluice::ingest {

// Changes nothing outside itself, so that a batch which the journal refuses leaves no trace.
class Admission::BatchPass {
 public:
  BatchPass(const Admission& admission, const Sender& sender, uint64_t last_sequence);

  // INVALID_ARGUMENT: `batch` is not an encoded sluice.v1.Batch, or lacks its first_sequence.
  absl::Status Walk(std::string_view batch);

  // Encoded `records` fields for the journal, in order; unchanged neighbours are one piece.
  const std::vector<std::string_view>& pieces() const { return pieces_; }
  // Records that change the open-span table.
  const std::vector<RecordView>& span_changes() const { return span_changes_; }

  uint64_t first_sequence() const { return first_sequence_; }
  uint32_t sent_records() const { return sent_records_; }
  uint64_t already_journalled() const { return already_journalled_; }
  // One of the records is a provisioning report, and its sender may write it.
  bool has_report() const { return has_report_; }
  Admitted& result() { return result_; }
  const std::map<std::string, uint64_t, std::less<>>& repairs() const { return repairs_; }
  // Reports that stay ordinary events.
  const std::map<std::string, uint64_t, std::less<>>& refused_reports() const {
    return refused_reports_;
  }

 private:
  void Take(std::string_view field, std::string_view record);
  bool IsWanted(const RecordView& record) const;
  std::string_view Repair(const RecordFlaws& flaws, std::string_view record);
  // Why the record cannot be applied to the open spans; empty: it can.
  std::string_view JudgeSpan(const RecordView& record);
  // Whether open spans may take so many bytes more.
  bool TakeBytes(size_t bytes);
  bool IsReport(const RecordView& event);
  bool IsOpen(const live::SpanKey& key) const;
  void AddPiece(std::string_view piece);
  void Drop(std::string_view reason) { ++result_.drops[std::string(reason)]; }

  const Admission& admission_;
  const Sender& sender_;
  const uint64_t last_sequence_;

  std::vector<std::string_view> pieces_;
  std::deque<std::string> repaired_;
  std::vector<RecordView> span_changes_;
  // Spans that this batch opens (true) or ends (false).
  absl::flat_hash_map<live::SpanKey, bool> changed_;
  int opened_ = 0;
  size_t opened_bytes_ = 0;

  uint64_t first_sequence_ = 0;
  uint32_t sent_records_ = 0;
  uint64_t already_journalled_ = 0;
  std::map<std::string, uint64_t, std::less<>> repairs_;
  std::map<std::string, uint64_t, std::less<>> refused_reports_;
  // Of the sender, once a report has asked; a batch of them must not ask /proc for each.
  std::optional<std::string> refusal_;
  bool has_report_ = false;
  Admitted result_;
};

}  // namespace sluice::ingest
