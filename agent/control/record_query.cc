#include "agent/control/record_query.h"

#include <chrono>
#include <deque>
#include <functional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "agent/control/message_writer.h"
#include "agent/live/origin_codec.h"

namespace sluice::control {
namespace {

struct Selection {
  std::optional<uid_t> uid;
  std::optional<TraceId> trace_id;
  uint64_t after_sequence = 0;
};

// Calls `visit` for every record that is in the journal now and selected; until it returns false.
using Visitor = std::function<bool(const journal::Entry&, std::string_view, const RecordView&)>;

void VisitRecords(journal::Journal* journal, const Selection& selection, const Visitor& visit) {
  const auto reader = journal->OpenReader("");
  const uint64_t end = journal->last_sequence();
  reader->Restore(selection.after_sequence);
  while (const auto entry = reader->Next(std::chrono::steady_clock::now())) {
    if (entry->sequence > end) return;
    if (entry->sequence <= selection.after_sequence) continue;
    if (selection.uid.has_value() && entry->uid != *selection.uid) continue;
    for (const std::string_view encoded : entry->batch.records()) {
      const auto record = ReadRecord(encoded);
      if (!record.has_value()) continue;
      if (selection.trace_id.has_value() && record->trace_id() != *selection.trace_id) continue;
      if (!visit(*entry, encoded, *record)) return;
    }
  }
}

// The trace whose first span began last.
std::optional<TraceId> FindLastTrace(journal::Journal* journal, const Selection& selection) {
  absl::flat_hash_set<TraceId> seen;
  std::optional<TraceId> last;
  uint64_t last_start = 0;
  VisitRecords(journal, selection,
               [&](const journal::Entry&, std::string_view, const RecordView& record) {
                 if (record.kind != RecordKind::kSpan && record.kind != RecordKind::kSpanStart) {
                   return true;
                 }
                 if (!seen.insert(record.trace_id()).second) return true;
                 if (record.span.start_unix_nano >= last_start) {
                   last_start = record.span.start_unix_nano;
                   last = record.trace_id();
                 }
                 return true;
               });
  return last;
}

v1::StoredRecord MakeStored(const journal::Entry& entry, std::string_view encoded) {
  v1::StoredRecord stored;
  stored.set_sequence(entry.sequence);
  *stored.mutable_identity() = live::EncodeIdentity(live::MakeOrigin(entry.batch)->identity);
  stored.set_received_unix_nano(entry.batch.received_unix_nano);
  stored.mutable_resource()->ParseFromArray(entry.batch.resource.data(),
                                            static_cast<int>(entry.batch.resource.size()));
  stored.mutable_record()->ParseFromArray(encoded.data(), static_cast<int>(encoded.size()));
  stored.set_synthetic(entry.batch.synthetic);
  return stored;
}

// False: nobody listens any more.
bool Send(v1::StoredRecord record, MessageWriter<v1::RecordsResponse>* writer) {
  writer->Count(record);
  *writer->message().add_records() = std::move(record);
  return !writer->IsFull() || writer->Send();
}

void SendRest(MessageWriter<v1::RecordsResponse>* writer) {
  if (writer->message().records_size() > 0) writer->Send();
}

absl::Status SendAll(journal::Journal* journal, const Selection& selection, AnswerStream& stream) {
  MessageWriter<v1::RecordsResponse> writer(&stream);
  VisitRecords(journal, selection,
               [&](const journal::Entry& entry, std::string_view encoded, const RecordView&) {
                 return Send(MakeStored(entry, encoded), &writer);
               });
  SendRest(&writer);
  return absl::OkStatus();
}

absl::Status SendNewest(journal::Journal* journal, const Selection& selection, size_t limit,
                        AnswerStream& stream) {
  std::deque<v1::StoredRecord> newest;
  VisitRecords(journal, selection,
               [&](const journal::Entry& entry, std::string_view encoded, const RecordView&) {
                 newest.push_back(MakeStored(entry, encoded));
                 if (newest.size() > limit) newest.pop_front();
                 return true;
               });
  MessageWriter<v1::RecordsResponse> writer(&stream);
  for (v1::StoredRecord& record : newest) {
    if (!Send(std::move(record), &writer)) return absl::OkStatus();
  }
  SendRest(&writer);
  return absl::OkStatus();
}

}  // namespace

// A newest-first cap is held in memory, so it has one itself.
constexpr uint32_t kMaxLimit = 10'000;

absl::StatusOr<Producer> QueryRecords(journal::Journal* journal, const v1::RecordsRequest& request,
                                      std::optional<uid_t> only_uid) {
  Selection selection{only_uid, std::nullopt, request.after_sequence()};
  if (!request.last_trace() && !request.trace_id().empty()) {
    selection.trace_id = TraceId::FromBytes(request.trace_id());
    if (!selection.trace_id.has_value()) {
      return absl::InvalidArgumentError("trace_id is not 16 bytes");
    }
  }
  if (request.limit() > kMaxLimit) {
    return absl::InvalidArgumentError("limit is at most 10000; 0 means all");
  }
  return [=, last_trace = request.last_trace(),
          limit = request.limit()](AnswerStream& stream) mutable {
    if (last_trace) {
      selection.trace_id = FindLastTrace(journal, selection);
      if (!selection.trace_id.has_value()) return absl::NotFoundError("no trace in the journal");
    }
    if (limit == 0) return SendAll(journal, selection, stream);
    return SendNewest(journal, selection, limit, stream);
  };
}

}  // namespace sluice::control
