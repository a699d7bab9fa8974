// The way from the exporter to one destination: one Export call at a time, and what came of it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace sluice::otlp {

enum class Signal { kTraces, kLogs, kMetrics };
inline constexpr Signal kSignals[] = {Signal::kTraces, Signal::kLogs, Signal::kMetrics};
inline constexpr const char* kSignalNames[] = {"traces", "logs", "metrics"};
inline const char* NameOf(Signal signal) { return kSignalNames[static_cast<size_t>(signal)]; }

// What the destination made of a request.
struct Answer {
  enum class Kind {
    // It has the request, but for what `rejected` counts: never sent again.
    kDone,
    // Its trouble, or that of the way to it: the same request is sent again later, without end.
    kWait,
    // Something in the request is refused, or its size: sent again in halves.
    kSplit,
    // It does not take this signal here.
    kUnsupported,
    // The same request is worth sending again at once, on a new connection or with what was read
    // anew: the transport had grounds to think the way good and it was not. Given once a request.
    kRetryNow,
  };

  Kind kind = Kind::kDone;
  // The destination's words or why there are none, for people: one line of printable text of at
  // most 512 bytes. Of kDone: its warning, or empty.
  std::string message;
  // kWait: what the destination asked for, or what the transport knows to be the earliest that
  // helps. The exporter waits longer where its own back-off says so.
  std::optional<std::chrono::milliseconds> delay;
  // kWait: it refuses who we are, which OpenTelemetry's specification has an exporter take for the
  // end of the request.
  bool is_auth_refusal = false;
  // kDone: items it dropped, as its partial_success says.
  uint64_t rejected = 0;
  // kSplit: a request must be no larger than this, in bytes before compression: as the destination
  // says, or half of what it refused for its size.
  std::optional<uint64_t> max_request_bytes;
  // kSplit: RESOURCE_EXHAUSTED, of which nobody knows whether it means size or load. A single small
  // record that is refused so is not at fault.
  bool may_be_load = false;
};

// Driven by the exporter on its sink's thread. A transport connects when it has something to send,
// and has no thread, queue or back-off of its own.
class Transport {
 public:
  virtual ~Transport() = default;

  // Sends an encoded Export*ServiceRequest of the signal, in pieces whose bytes stay where they are
  // until the call returns, and waits for the answer, at most for the time a call may take as
  // configured. No pieces: an empty request, which only asks whether the destination is well.
  virtual Answer Send(Signal signal, absl::Span<const absl::string_view> request) = 0;

  // From any thread: the call under way and all later ones end soon, as kWait.
  virtual void Cancel() = 0;

  // Makes what was taken survive a power cut, where that is the transport's to do.
  virtual Answer Sync() { return {}; }
  // SIGHUP: what is opened by path is opened anew.
  virtual void Reopen() {}

  // For poll(2), asked after a kWait: readable when another attempt is worth while, e.g. because
  // the network came. -1: it cannot tell.
  virtual int retry_fd() const { return -1; }

  // For status, from any thread: address and protocol in use, `http://localhost:4317 (grpc)`.
  virtual std::string Describe() const = 0;
};

}  // namespace sluice::otlp
