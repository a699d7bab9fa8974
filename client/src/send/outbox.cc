// Problem: The ring knows positions and no numbers, the agent knows numbers and no positions, and a
// connection may break between any two of their messages.
//
// States: A record in the ring is unsent, or sent on this connection, or acknowledged, which frees
// it. Rewind makes all that are sent unsent. An acknowledgement may be of records that count as
// unsent here, since an earlier connection carried them: the Welcome brings it.
//
// Invariants:
// * numbered_ is the number of the last record before unsent_, and acked_ that of the last before
//   the ring's tail. Each changes together with its position. If one slipped, the agent would take
//   new records for repeated ones and drop them.
// * unsent_ is never before the ring's tail, where bytes are zeroed and belong to writers.
// * A planned batch stays as it is until TakeBatch, since no message of the agent is handled in
//   between, and what is committed to the ring does not change.

#include "client/src/send/outbox.h"

#include <algorithm>
#include <utility>

#include "proto/record/field_numbers.h"
#include "proto/wire/writer.h"

namespace sluice {
namespace {

// Enough for the agent to work in bulk, and little enough that the next acknowledgement is near. A
// single record is never larger.
constexpr size_t kBatchBytes = 256 * 1024;

size_t SequenceSize(uint64_t sequence) { return 1 + VarintSize(sequence); }

}  // namespace

Outbox::Plan Outbox::PlanBatch(std::string losses) const {
  Ring::Position position = unsent_;
  size_t size = 0;
  uint32_t records = 0;
  bool is_full = false;
  for (std::string_view record; ring_->Next(&position, &record);) {
    is_full = size + record.size() > kBatchBytes;
    if (is_full) break;
    size += record.size();
    ++records;
  }
  const size_t batch_size = SequenceSize(numbered_ + 1) + size + losses.size();
  return {batch_size, records, is_full, std::move(losses)};
}

size_t Outbox::Plan::message_size() const {
  return BytesFieldSize(client_message_field::kBatch, batch_size);
}

void Outbox::TakeBatch(const Plan& plan, std::string* message) {
  StringWireWriter writer{StringSink(message)};
  writer.BytesHeader(client_message_field::kBatch, plan.batch_size);
  writer.Varint(batch_field::kFirstSequence, numbered_ + 1);
  std::string_view record;
  for (uint32_t i = 0; i < plan.records; ++i) {
    ring_->Next(&unsent_, &record);
    message->append(record);
  }
  writer.Raw(plan.losses);
  numbered_ += plan.records;
  sent_ += plan.records;
  if (plan.records != 0) marks_.push_back({numbered_, unsent_});
}

void Outbox::Acknowledge(uint64_t sequence) {
  Ring::Position position = ring_->tail();
  std::string_view record;
  uint64_t acked = acked_;
  for (; !marks_.empty() && marks_.front().sequence <= sequence; marks_.pop_front()) {
    acked = marks_.front().sequence;
    position = marks_.front().position;
  }
  while (acked < sequence && ring_->Next(&position, &record)) ++acked;
  if (acked == acked_) return;
  acked_ = acked;
  if (numbered_ < acked) {
    // Sent on an earlier connection, and journalled.
    numbered_ = acked;
    unsent_ = position;
  }
  ring_->Release(position);
}

void Outbox::Rewind() {
  unsent_ = ring_->tail();
  numbered_.store(acked_);
  marks_.clear();
}

bool Outbox::has_unsent() const {
  Ring::Position position = unsent_;
  std::string_view record;
  return ring_->Next(&position, &record);
}

bool Outbox::has_much_unsent() const {
  const size_t much = std::min(kBatchBytes, ring_->capacity() / 8);
  return ring_->head() - unsent_ >= much / Ring::kUnitBytes;
}

uint64_t Outbox::emitted() const {
  const uint64_t known = acked_.load(std::memory_order_relaxed);
  return known + (ring_->record_count() - static_cast<uint32_t>(known));
}

}  // namespace sluice
