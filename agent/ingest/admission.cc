// Problem: The journal, the clients' numbers and the open spans must tell the same story, now and
// after a restart, which rebuilds the latter two from the journal. The journal may refuse any
// batch.
//
// States: A batch is judged by BatchPass, in slices (PendingBatch) where it is long. If all of it
// is there already, it is answered with the entry that has it. Otherwise the journal takes it or
// refuses it. If it takes it, the open spans change, then the client's numbers, then the counters.
//
// Invariants:
// * state_ changes only after Append succeeded, but for the client's place in the registry. A
//   refused batch comes again, and its spans would then count as started twice.
// * A batch of which every record was dropped is journalled all the same, for its head. Otherwise a
//   restart would forget its numbers, and a batch sent again would be judged and counted twice.
// * journal_sequence names an entry that has the batch, or one behind it. Whoever waits for it to
//   be synced may acknowledge; with a lower one a power cut could take acknowledged records.
// * CloseAborted closes spans only after their ENDs are journalled. Otherwise sinks would keep open
//   for ever what is closed here.

#include "agent/ingest/admission.h"

#include <vector>

#include "agent/base/status_macros.h"
#include "agent/ingest/pending_batch.h"
#include "agent/journal/field_numbers.h"
#include "agent/live/aborted_end.h"
#include "agent/live/origin_codec.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace sluice::ingest {
namespace {

uint64_t SizeOf(absl::Span<const std::string_view> parts) {
  uint64_t bytes = 0;
  for (const std::string_view part : parts) bytes += part.size();
  return bytes;
}

}  // namespace

Admission::Admission(AdmissionState* state, journal::Journal* journal, const Clock* clock,
                     Counters* counters)
    : state_(state), journal_(journal), clock_(clock), counters_(counters) {
  FitSpansToJournal();
}

Admission::~Admission() = default;

journal::BatchHead Admission::HeadOf(const live::Origin& origin) const {
  journal::BatchHead head = live::HeadOf(origin);
  head.received_unix_nano = clock_->UnixNano();
  head.received_boottime_nano = clock_->BootNano();
  return head;
}

void Admission::FitSpansToJournal() {
  state_->spans.SetLimits(live::SpanLimits::OfJournal(journal_->GetUsage().max_bytes));
}

absl::StatusOr<Admitted> Admission::Admit(const Sender& sender, std::string_view batch,
                                          journal::Urgency urgency) {
  PendingBatch pending(this, &sender, urgency, PendingBatch::WhenFull::kRefuse);
  while (true) {
    if (auto admitted = pending.Work(batch)) return *std::move(admitted);
  }
}

std::string Admission::RedactResource(std::string resource, uid_t uid) const {
  if (redactor_ == nullptr) return resource;
  uint64_t count = 0;
  auto redacted = redactor_->Redact(Redactor::Kind::kResource, resource, &count);
  if (!redacted.has_value()) return resource;
  counters_->Add("ingest.redacted", "", uid, count);
  return *std::move(redacted);
}

absl::Status Admission::CheckBehind(uid_t uid) const {
  return behind_.check == nullptr ? absl::OkStatus() : behind_.check(uid);
}

absl::StatusOr<uint64_t> Admission::AppendScopes(const ScopesEntry& entry,
                                                 journal::Urgency urgency) {
  journal::BatchHead head = HeadOf(*entry.origin);
  head.sender_is_host_root = entry.sender_is_host_root;
  head.resource_schema_url = entry.resource_schema_url;
  head.resource_rest = entry.resource_rest;
  head.sent_records = static_cast<uint32_t>(entry.items);
  std::string encoded_head;
  journal::AppendBatchHead(head, &encoded_head);
  std::vector<std::string_view> payload;
  payload.reserve(entry.scopes.size() + 1);
  payload.push_back(encoded_head);
  payload.insert(payload.end(), entry.scopes.begin(), entry.scopes.end());
  return Append(entry.origin->identity.uid, entry.items, payload, urgency, entry.lender);
}

void Admission::Count(const BatchPass& pass, uid_t uid) {
  for (const auto& [reason, count] : pass.result().drops) {
    counters_->Add("admission.dropped", reason, uid, count);
  }
  if (pass.unlinked() > 0) counters_->Add("spans.unlinked", "", uid, pass.unlinked());
  for (const auto& [reason, count] : pass.repairs()) {
    counters_->Add("admission.repaired", reason, uid, count);
  }
  if (pass.redacted() > 0) counters_->Add("ingest.redacted", "", uid, pass.redacted());
  for (const auto& [what, count] : pass.counts()) {
    counters_->Add(what.first, what.second, uid, count);
  }
}

void Admission::SpansChange(uid_t uid) {
  for (PendingBatch* const pending : pending_) {
    if (pending->sender_->origin->identity.uid == uid) pending->is_stale_ = true;
  }
}

void Admission::ApplySpanChanges(const BatchPass& pass, const Sender& sender,
                                 const journal::BatchHead& head) {
  SpansChange(sender.origin->identity.uid);
  pass.ForEachDroppedChange([&](const live::SpanKey& key, const SpanId& kept, bool has_ended) {
    if (has_ended) {
      state_->spans.RemoveDropped(key);
    } else {
      state_->spans.AddDropped(key, {kept, head.pid, head.start_time_ticks, head.owner});
    }
  });
  for (const RecordView& record : pass.span_changes()) {
    state_->spans.Apply(record, sender.origin, head.received_boottime_nano);
  }
}

void Admission::ForgetDropped(pid_t pid, uint64_t start_time_ticks) {
  RemoveDroppedIf([&](const live::SpanKey&, const live::SpanTable::Dropped& span) {
    return !span.owner.is_set() && span.pid == pid && span.start_time_ticks == start_time_ticks;
  });
}

void Admission::RemoveDroppedIf(
    const std::function<bool(const live::SpanKey&, const live::SpanTable::Dropped&)>& selects) {
  state_->spans.RemoveDroppedIf(
      [&](const live::SpanKey& key, const live::SpanTable::Dropped& span) {
        if (!selects(key, span)) return false;
        SpansChange(key.uid);
        return true;
      });
}

bool Admission::EndOwned(const std::function<bool(uid_t, const SpanOwner&)>& selects,
                         std::string_view cause) {
  const auto is_picked = [&](uid_t uid, const SpanOwner& owner) {
    return owner.is_set() && selects(uid, owner);
  };
  RemoveDroppedIf([&](const live::SpanKey& key, const live::SpanTable::Dropped& span) {
    return is_picked(key.uid, span.owner);
  });
  return CloseAborted(
      [&](const live::Span& span) { return is_picked(span.key.uid, span.origin->owner); }, cause);
}

bool Admission::CloseAborted(const std::function<bool(const live::Span&)>& selects,
                             std::string_view cause, Boot boot) {
  bool all_closed = true;
  for (const auto& [origin, ends] : EncodeAbortedEnds(selects, cause, boot)) {
    std::string records;
    StringWireWriter writer{StringSink(&records)};
    for (const std::string& end : ends) {
      writer.Bytes(journal::journal_batch_field::kRecords, end);
    }
    if (!AppendAborted(*origin, records, boot)) {
      all_closed = false;
      continue;
    }
    const uid_t uid = origin->identity.uid;
    SpansChange(uid);
    for (const std::string& end : ends) {
      if (auto span = state_->spans.Close(uid, *ReadRecord(end))) {
        state_->spans.Retire(std::move(span));
      }
    }
    counters_->Add("spans.aborted", "", uid, ends.size());
  }
  return all_closed;
}

// Holds no span when it is done: none is to count as kept for a child because it is kept here.
Admission::AbortedEnds Admission::EncodeAbortedEnds(
    const std::function<bool(const live::Span&)>& selects, std::string_view cause, Boot boot) {
  AbortTimes::Spans aborted;
  state_->spans.ForEach([&](const std::shared_ptr<live::Span>& span) {
    if (selects(*span)) aborted.push_back(span);
  });
  const bool is_this_boot = boot == Boot::kThis;
  AbortTimes times(aborted, &unix_times_, is_this_boot ? life_end_ : nullptr, is_this_boot);
  AbortedEnds ends;
  for (const auto& span : aborted) {
    ends[span->origin].push_back(
        live::EncodeAbortedEnd(*span, {.cause = cause, .time = times.EndOf(*span)}));
  }
  return ends;
}

absl::StatusOr<uint64_t> Admission::Append(uid_t uid, uint64_t records,
                                           absl::Span<const std::string_view> payload,
                                           journal::Urgency urgency,
                                           const journal::Lender& lender) {
  const uint64_t bytes = SizeOf(payload);
  if (behind_.check_entry != nullptr) {
    RETURN_IF_ERROR(behind_.check_entry(uid, records, bytes));
  }
  ASSIGN_OR_RETURN(const uint64_t sequence, journal_->Append(uid, payload, urgency, lender));
  if (behind_.took != nullptr) behind_.took(sequence, uid, records, bytes);
  return sequence;
}

bool Admission::AppendAborted(const live::Origin& origin, const std::string& records, Boot boot) {
  journal::BatchHead head = HeadOf(origin);
  head.synthetic = true;
  head.owner = {};
  if (boot == Boot::kEarlier) head.received_boottime_nano = 0;
  std::string encoded_head;
  journal::AppendBatchHead(head, &encoded_head);
  const uid_t uid = origin.identity.uid;
  const auto sequence = journal_->Append(
      uid, {std::string_view(encoded_head), std::string_view(records)}, journal::Urgency::kGrouped);
  if (sequence.ok() && behind_.took != nullptr) behind_.took(*sequence, uid, 0, records.size());
  return sequence.ok();
}

}  // namespace sluice::ingest
