// The sender's view of the ring: which records were sent, which acknowledged, and their numbers.
// Records are numbered from 1 in the order of the ring, so that a record sent again carries the
// same bytes and the same number.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <string>

#include "client/src/ring.h"

namespace sluice {

// Owned by the sender; the counters may be read by anyone.
class Outbox {
 public:
  explicit Outbox(Ring* ring) : ring_(ring) {}

  // The next batch; no records where nothing waits.
  struct Plan {
    size_t batch_size = 0;  // of the encoded Batch
    uint32_t records = 0;
    bool is_full = false;  // another batch waits behind it
    std::string losses;    // encoded fields of the Batch

    size_t message_size() const;  // of the encoded ClientMessage around it
  };
  Plan PlanBatch(std::string losses) const;
  // Appends the ClientMessage to `*message`; its records count as sent.
  void TakeBatch(const Plan& plan, std::string* message);

  // Frees the records up to `sequence`.
  void Acknowledge(uint64_t sequence);
  // The connection broke: all that is not acknowledged is to be sent again.
  void Rewind();

  bool has_unacknowledged() const { return acked_ < numbered_; }
  bool has_unsent() const;
  // Whether about a batch's worth of bytes waits, or more than a small ring should leave waiting.
  bool has_much_unsent() const;
  // Calls visit(record) for each record in the ring that is not acknowledged, tag and length
  // included.
  template <typename Visit>
  void ForEachUnacknowledged(Visit visit) const {
    Ring::Position position = ring_->tail();
    for (std::string_view record; ring_->Next(&position, &record);) visit(record);
  }

  uint64_t emitted() const;
  uint64_t sent() const { return sent_.load(std::memory_order_relaxed); }
  uint64_t acked() const { return acked_.load(std::memory_order_relaxed); }

 private:
  // The end of a batch that was sent on this connection.
  struct Mark {
    uint64_t sequence = 0;
    Ring::Position position = 0;
  };

  Ring* const ring_;
  std::deque<Mark> marks_;             // of batches that are not acknowledged
  Ring::Position unsent_ = 0;          // the first record not sent on this connection
  std::atomic<uint64_t> numbered_{0};  // the number of the record before it
  std::atomic<uint64_t> acked_{0};
  std::atomic<uint64_t> sent_{0};
};

}  // namespace sluice
