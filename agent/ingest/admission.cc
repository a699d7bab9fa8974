// Problem: The journal, the clients' numbers and the open spans must tell the same story, now and
// after a restart, which rebuilds the latter two from the journal. The journal may refuse any
// batch.
//
// States: A batch is judged by BatchPass. If all of it is there already, it is answered with the
// entry that has it. Otherwise the journal takes it or refuses it. If it takes it, the open spans
// change, then the client's numbers, then the counters.
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

#include <algorithm>
#include <vector>

#include "agent/base/status_macros.h"
#include "agent/ingest/batch_pass.h"
#include "agent/journal/field_numbers.h"
#include "agent/live/aborted_end.h"
#include "agent/live/dropped_span_codec.h"
#include "agent/live/origin_codec.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace sluice::ingest {
namespace {

journal::BatchHead HeadOf(const live::Origin& origin, const Clock& clock) {
  journal::BatchHead head = live::HeadOf(origin);
  head.received_unix_nano = clock.UnixNano();
  head.received_boottime_nano = clock.BootNano();
  return head;
}

}  // namespace

Admission::Admission(AdmissionState* state, journal::Journal* journal, const Clock* clock,
                     Counters* counters)
    : state_(state), journal_(journal), clock_(clock), counters_(counters) {
  FitSpansToJournal();
}

Admission::~Admission() = default;

void Admission::FitSpansToJournal() {
  state_->spans.SetLimits(live::SpanLimits::OfJournal(journal_->GetUsage().max_bytes));
}

absl::StatusOr<Admitted> Admission::Admit(const Sender& sender, std::string_view batch,
                                          journal::Urgency urgency) {
  const uid_t uid = sender.origin->identity.uid;
  journal::BatchHead head = HeadOf(*sender.origin, *clock_);
  ClientRegistry::Client* client = nullptr;
  if (sender.client_id.has_value()) {
    client = state_->clients.Get(uid, *sender.client_id, head.received_boottime_nano);
    if (client == nullptr) {
      return absl::ResourceExhaustedError("too many clients of this user are connected");
    }
    head.client_id = sender.client_id->raw();
  }

  BatchPass pass(*this, sender, client == nullptr ? 0 : client->last_sequence);
  RETURN_IF_ERROR(pass.Walk(batch));
  const bool is_repeat =
      pass.sent_records() > 0 && pass.sent_records() == pass.already_journalled();
  if (!is_repeat) RETURN_IF_ERROR(sender.owner_fault);
  head.first_sequence = pass.first_sequence();
  head.sent_records = pass.sent_records();
  head.sender_is_host_root = sender.is_host_root;

  Admitted& result = pass.result();
  result.journal_sequence =
      client == nullptr ? journal_->last_sequence() : client->journal_sequence;
  if (pass.sent_records() > pass.already_journalled()) {
    std::string encoded_head;
    journal::AppendBatchHead(head, &encoded_head);
    std::vector<std::string_view> payload;
    payload.reserve(pass.pieces().size() + 1);
    pass.ForEachDroppedChange([&](const live::SpanKey& key, const SpanId& kept, bool has_ended) {
      live::AppendDroppedSpan(key, kept, has_ended, &encoded_head);
    });
    payload.push_back(encoded_head);
    payload.insert(payload.end(), pass.pieces().begin(), pass.pieces().end());
    ASSIGN_OR_RETURN(result.journal_sequence, journal_->Append(uid, payload, urgency));
  }
  ApplySpanChanges(pass, sender, head);
  if (client != nullptr) {
    const uint64_t last = pass.first_sequence() + pass.sent_records() - 1;
    if (pass.sent_records() > 0) client->last_sequence = std::max(client->last_sequence, last);
    client->journal_sequence = result.journal_sequence;
    client->last_seen_boottime_nano = head.received_boottime_nano;
    result.last_sequence = client->last_sequence;
  }
  for (const auto& [reason, count] : result.drops) {
    counters_->Add("admission.dropped", reason, uid, count);
  }
  if (pass.unlinked() > 0) counters_->Add("spans.unlinked", "", uid, pass.unlinked());
  for (const auto& [reason, count] : pass.repairs()) {
    counters_->Add("admission.repaired", reason, uid, count);
  }
  for (const auto& [what, count] : pass.counts()) {
    counters_->Add(what.first, what.second, uid, count);
  }
  result.accepted += pass.already_journalled();
  return std::move(result);
}

void Admission::ApplySpanChanges(const BatchPass& pass, const Sender& sender,
                                 const journal::BatchHead& head) {
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
  state_->spans.RemoveDroppedIf([&](const live::SpanKey&, const live::SpanTable::Dropped& span) {
    return !span.owner.is_set() && span.pid == pid && span.start_time_ticks == start_time_ticks;
  });
}

bool Admission::EndOwned(const std::function<bool(uid_t, const SpanOwner&)>& selects,
                         std::string_view cause) {
  const auto is_picked = [&](uid_t uid, const SpanOwner& owner) {
    return owner.is_set() && selects(uid, owner);
  };
  state_->spans.RemoveDroppedIf(
      [&](const live::SpanKey& key, const live::SpanTable::Dropped& span) {
        return is_picked(key.uid, span.owner);
      });
  return CloseAborted(
      [&](const live::Span& span) { return is_picked(span.key.uid, span.origin->owner); }, cause);
}

bool Admission::CloseAborted(const std::function<bool(const live::Span&)>& selects,
                             std::string_view cause, Boot boot) {
  absl::flat_hash_map<const live::Origin*, std::vector<std::shared_ptr<live::Span>>> by_origin;
  state_->spans.ForEach([&](const std::shared_ptr<live::Span>& span) {
    if (selects(*span)) by_origin[span->origin.get()].push_back(span);
  });
  bool all_closed = true;
  for (auto& [origin, spans] : by_origin) {
    std::string records;
    std::vector<std::string> ends;
    StringWireWriter writer{StringSink(&records)};
    for (const auto& span : spans) {
      ends.push_back(live::EncodeAbortedEnd(*span, cause, clock_->UnixNano()));
      writer.Bytes(journal::journal_batch_field::kRecords, ends.back());
    }
    if (!AppendAborted(*origin, records, boot)) {
      all_closed = false;
      continue;
    }
    const uid_t uid = origin->identity.uid;
    // None is to count as kept for a child because it is kept here.
    spans.clear();
    for (const std::string& end : ends) {
      if (auto span = state_->spans.Close(uid, *ReadRecord(end))) {
        state_->spans.Retire(std::move(span));
      }
    }
    counters_->Add("spans.aborted", "", uid, ends.size());
  }
  return all_closed;
}

bool Admission::AppendAborted(const live::Origin& origin, const std::string& records, Boot boot) {
  journal::BatchHead head = HeadOf(origin, *clock_);
  head.synthetic = true;
  head.owner = {};
  if (boot == Boot::kEarlier) head.received_boottime_nano = 0;
  std::string encoded_head;
  journal::AppendBatchHead(head, &encoded_head);
  return journal_
      ->Append(origin.identity.uid, {std::string_view(encoded_head), std::string_view(records)},
               journal::Urgency::kGrouped)
      .ok();
}

}  // namespace sluice::ingest
