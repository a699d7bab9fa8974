#include "agent/control/record_query.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <string>
#include <tuple>
#include <utility>

#include "agent/base/status_macros.h"
#include "agent/control/message_writer.h"
#include "agent/control/trace_query.h"
#include "agent/live/origin_codec.h"

namespace sluice::control {
namespace {

// Where a record lies: its entry, and its number within that.
struct Place {
  uint64_t sequence = 0;
  uint32_t index = 0;

  auto operator<=>(const Place&) const = default;
};

struct Selection {
  std::optional<uid_t> uid;
  std::optional<TraceId> trace_id;
  Place from;
  uint64_t from_offset = 0;  // of its entry, for Reader::StartAt; 0: not known
  uint64_t last_sequence = 0;
};

// Calls `visit` for every record that is selected, until it returns false or nobody listens any
// more.
using Visitor = std::function<bool(const journal::Entry&, Place, const journal::RecordCursor&,
                                   const RecordView&)>;

void VisitRecords(journal::Journal* journal, const Selection& selection, AnswerStream& stream,
                  const Visitor& visit) {
  const auto reader = journal->OpenReader("");
  if (selection.from_offset != 0) {
    reader->StartAt(selection.from.sequence, selection.from_offset);
  } else {
    reader->Restore(selection.from.sequence == 0 ? 0 : selection.from.sequence - 1);
  }
  while (const auto entry = reader->Next(std::chrono::steady_clock::now())) {
    if (entry->sequence > selection.last_sequence || stream.IsOver()) return;
    if (entry->sequence < selection.from.sequence) continue;
    if (selection.uid.has_value() && entry->uid != *selection.uid) continue;
    Place next{entry->sequence, 0};
    for (journal::RecordCursor records = entry->batch.records(); records.Next();) {
      const Place place = next;
      ++next.index;
      if (place < selection.from) continue;
      const auto record = records.Read();
      if (!record.has_value()) continue;
      if (selection.trace_id.has_value() && record->trace_id() != *selection.trace_id) continue;
      if (!visit(*entry, place, records, *record)) return;
    }
  }
}

void Narrow(const SelectedTrace& trace, Selection* selection) {
  selection->trace_id = trace.id;
  if (const Place first{trace.first_sequence, 0}; first > selection->from) {
    selection->from = first;
    selection->from_offset = trace.first_offset;
  }
  selection->last_sequence = std::min(selection->last_sequence, trace.last_sequence);
}

v1::StoredRecord MakeStored(const journal::Entry& entry, const journal::RecordCursor& record) {
  v1::StoredRecord stored;
  stored.set_sequence(entry.sequence);
  *stored.mutable_identity() = live::EncodeIdentity(live::MakeOrigin(entry.batch)->identity);
  stored.set_received_unix_nano(entry.batch.received_unix_nano);
  stored.mutable_resource()->ParseFromArray(entry.batch.resource.data(),
                                            static_cast<int>(entry.batch.resource.size()));
  stored.mutable_record()->ParseFromString(record.ReadAsRecord());
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
  VisitRecords(journal, selection, stream,
               [&](const journal::Entry& entry, Place, const journal::RecordCursor& record,
                   const RecordView&) { return Send(MakeStored(entry, record), &writer); });
  SendRest(&writer);
  return absl::OkStatus();
}

// Reads twice: a record may take many times its size once it is a message, a place does not.
absl::Status SendNewest(journal::Journal* journal, Selection selection, size_t limit,
                        AnswerStream& stream) {
  std::deque<std::pair<Place, uint64_t>> newest;  // with the offsets of their entries
  VisitRecords(journal, selection, stream,
               [&](const journal::Entry& entry, Place place, const journal::RecordCursor&,
                   const RecordView&) {
                 newest.emplace_back(place, entry.offset);
                 if (newest.size() > limit) newest.pop_front();
                 return true;
               });
  if (newest.empty()) return absl::OkStatus();
  std::tie(selection.from, selection.from_offset) = newest.front();
  return SendAll(journal, selection, stream);
}

}  // namespace

// The places of the newest are held in memory.
constexpr uint32_t kMaxLimit = 10'000;

absl::StatusOr<Producer> QueryRecords(journal::Journal* journal, const v1::RecordsRequest& request,
                                      std::optional<uid_t> only_uid) {
  // Behind all records of that entry.
  const Place from{request.after_sequence(), UINT32_MAX};
  Selection selection{only_uid, std::nullopt, from, 0};
  if (!request.last_trace() && !request.has_select() && !request.trace_id().empty()) {
    selection.trace_id = TraceId::FromBytes(request.trace_id());
    if (!selection.trace_id.has_value()) {
      return absl::InvalidArgumentError("trace_id is not 16 bytes");
    }
  }
  if (request.limit() > kMaxLimit) {
    return absl::InvalidArgumentError("limit is at most 10000; 0 means all");
  }
  v1::TraceSelector selector = request.select();
  if (!request.has_select() && request.last_trace()) selector.set_last(true);
  return [=, limit = request.limit()](AnswerStream& stream) mutable -> absl::Status {
    selection.last_sequence = journal->last_sequence();
    if (selector.by_case() != v1::TraceSelector::BY_NOT_SET) {
      ASSIGN_OR_RETURN(const SelectedTrace trace,
                       SelectTrace(journal, selector, only_uid, &stream));
      Narrow(trace, &selection);
    }
    if (limit == 0) return SendAll(journal, selection, stream);
    return SendNewest(journal, selection, limit, stream);
  };
}

}  // namespace sluice::control
