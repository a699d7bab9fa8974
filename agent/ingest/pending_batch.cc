#include "agent/ingest/pending_batch.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/status_macros.h"
#include "agent/live/dropped_span_codec.h"
#include "agent/live/origin_codec.h"

namespace sluice::ingest {
namespace {

constexpr uint64_t kLongestRoomWaitNanos = 2'000'000'000;

}  // namespace

Admission::PendingBatch::~PendingBatch() {
  if (is_listed_) std::erase(admission_->pending_, this);
}

std::optional<absl::StatusOr<Admitted>> Admission::PendingBatch::Work(std::string_view batch,
                                                                      const Slice& slice) {
  if (pass_.has_value() && (is_stale_ || batch.data() != place_)) pass_.reset();
  if (!pass_.has_value()) {
    if (const absl::Status begun = Begin(batch); !begun.ok()) return begun;
  }
  const absl::StatusOr<bool> done = pass_->Walk(slice.fields, slice.bytes);
  if (!done.ok()) return done.status();
  if (*done && (!is_listed_ || pass_->StillFits())) {
    absl::StatusOr<Admitted> admitted = Finish();
    if (admitted.ok() || !WaitsForRoom()) return admitted;
  } else if (*done) {
    is_stale_ = true;
  }
  if (!std::exchange(is_listed_, true)) admission_->pending_.push_back(this);
  return std::nullopt;
}

absl::Status Admission::PendingBatch::Begin(std::string_view batch) {
  if (!is_listed_) RETURN_IF_ERROR(admission_->CheckBehind(sender_->origin->identity.uid));
  is_stale_ = false;
  place_ = batch.data();
  RETURN_IF_ERROR(FindClient());
  pass_.emplace(*admission_, *sender_, client_ == nullptr ? 0 : client_->last_sequence, batch);
  return absl::OkStatus();
}

absl::Status Admission::PendingBatch::FindClient() {
  head_ = admission_->HeadOf(*sender_->origin);
  if (!sender_->client_id.has_value()) return absl::OkStatus();
  client_ = admission_->clients().Get(sender_->origin->identity.uid, *sender_->client_id,
                                      head_.received_boottime_nano);
  if (client_ != nullptr) return absl::OkStatus();
  return absl::ResourceExhaustedError("too many clients of this user are connected");
}

bool Admission::PendingBatch::WaitsForRoom() {
  if (when_full_ == WhenFull::kRefuse || !admission_->journal_->lacked_room()) return false;
  const uint64_t now = admission_->clock_->BootNano();
  if (room_wait_ends_ == 0) room_wait_ends_ = now + kLongestRoomWaitNanos;
  return now < room_wait_ends_;
}

absl::StatusOr<Admitted> Admission::PendingBatch::Finish() {
  const uid_t uid = sender_->origin->identity.uid;
  BatchPass& pass = *pass_;
  const bool is_repeat =
      pass.sent_records() > 0 && pass.sent_records() == pass.already_journalled();
  if (!is_repeat) RETURN_IF_ERROR(sender_->owner_fault);
  // Entries are in the order of their times, and the client may have been forgotten since.
  if (is_listed_) RETURN_IF_ERROR(FindClient());
  if (client_ != nullptr) head_.client_id = sender_->client_id->raw();
  head_.first_sequence = pass.first_sequence();
  head_.sent_records = pass.sent_records();
  head_.sender_is_host_root = sender_->is_host_root;

  Admitted& result = pass.result();
  result.journal_sequence =
      client_ == nullptr ? admission_->journal_->last_sequence() : client_->journal_sequence;
  if (pass.sent_records() > pass.already_journalled()) {
    std::string encoded_head;
    journal::AppendBatchHead(head_, &encoded_head);
    std::vector<std::string_view> payload;
    payload.reserve(pass.pieces().size() + 1);
    pass.ForEachDroppedChange([&](const live::SpanKey& key, const SpanId& kept, bool has_ended) {
      live::AppendDroppedSpan(key, kept, has_ended, &encoded_head);
    });
    payload.push_back(encoded_head);
    payload.insert(payload.end(), pass.pieces().begin(), pass.pieces().end());
    ASSIGN_OR_RETURN(result.journal_sequence,
                     admission_->Append(uid, result.accepted, payload, urgency_));
  }
  // Before the spans change, which is no reason to look at it again.
  if (std::exchange(is_listed_, false)) std::erase(admission_->pending_, this);
  admission_->ApplySpanChanges(pass, *sender_, head_);
  if (client_ != nullptr) {
    const uint64_t last = pass.first_sequence() + pass.sent_records() - 1;
    if (pass.sent_records() > 0) client_->last_sequence = std::max(client_->last_sequence, last);
    client_->journal_sequence = result.journal_sequence;
    client_->last_seen_boottime_nano = head_.received_boottime_nano;
    result.last_sequence = client_->last_sequence;
  }
  admission_->Count(pass, uid);
  result.accepted += pass.already_journalled();
  return std::move(result);
}

}  // namespace sluice::ingest
