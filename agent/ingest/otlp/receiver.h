// OpenTelemetry's export requests, whichever door they came by: judged item by item, journalled,
// and answered once they are durable. What it says is the same for gRPC and HTTP; they spell it
// differently.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "agent/net/connection.h"
#include "agent/net/owned_bytes.h"

namespace sluice::ingest::otlp {

enum class Signal : uint8_t { kTraces, kLogs, kMetrics };

struct Request {
  Signal signal = Signal::kTraces;
  // An encoded Export*ServiceRequest: out of its compression, and no JSON any more.
  net::OwnedBytes encoded;
  // CLOCK_BOOTTIME nanoseconds after which nobody waits for the answer; 0: not stated.
  uint64_t deadline_boottime_nano = 0;
};

struct Reply {
  enum class Kind : uint8_t {
    // Durable, but for the rejected items, which are not to be sent again. OK; 200.
    kTaken,
    // Not an encoded request; to send it again is of no use. INVALID_ARGUMENT; 400.
    kInvalid,
    // Larger than is ever taken. RESOURCE_EXHAUSTED without a delay; 413.
    kTooLarge,
    // Not taken, or not durable yet: to be sent again after `retry_delay`. UNAVAILABLE; 503.
    kBusy,
  };

  Kind kind = Kind::kTaken;
  // kTaken: spans, log records or data points that were not taken. Then, or where `message` is not
  // empty, the response has a partial_success.
  uint64_t rejected = 0;
  // UTF-8, for people; of other kinds than kTaken never empty.
  std::string message;
  // kBusy: from 50 ms to 2 s, since SDKs give up where it exceeds what is left of their deadline.
  std::chrono::milliseconds retry_delay{0};
};

// The encoded Export*ServiceResponse of a kTaken; the same for all signals.
std::string EncodeResponse(const Reply& reply);

// Lives and is called on the loop's thread.
class Receiver {
 public:
  // The largest Request::encoded that may be; the doors refuse what is above max_request_bytes()
  // before they have read it.
  static constexpr size_t kMaxRequestBytes = 64 * 1024 * 1024;

  // Names a request that is not answered yet; never used again.
  using Ticket = uint64_t;
  static constexpr Ticket kAnswered = 0;
  // Called once, unless the request is abandoned.
  using Done = std::function<void(const Reply&)>;

  virtual ~Receiver() = default;

  // At most kMaxRequestBytes, and the same for ever.
  virtual size_t max_request_bytes() const { return kMaxRequestBytes; }

  // Of the user that `connection` stands for, which is only looked at now. Holds its bytes within
  // the byte budget until it is answered; a caller that charged them releases them before. May call
  // `done` at once, and then returns kAnswered.
  virtual Ticket Receive(const net::Connection& connection, Request request, Done done) = 0;

  // The answer cannot be delivered any more: `done` is not called. What of it is in the journal by
  // then is known again when the same request comes once more.
  virtual void Abandon(Ticket ticket) = 0;
};

}  // namespace sluice::ingest::otlp
