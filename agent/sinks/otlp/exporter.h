// Brings what is to be exported to one destination, whatever that answers, and loses nothing of it
// but what the destination refuses while it takes the rest.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "agent/base/clock.h"
#include "agent/sinks/otlp/assembler.h"
#include "agent/sinks/otlp/export_numbers.h"
#include "agent/sinks/otlp/transport.h"

namespace sluice::otlp {

// One for each sink, owned by its thread.
class Exporter {
 public:
  struct Options {
    size_t max_request_bytes = 0;
    // What the destination refuses is dropped at once, as OpenTelemetry's specification has it.
    bool drops_refused = false;
    const Clock* clock = &Clock::System();
  };

  // `transport` and `numbers` outlive the exporter.
  Exporter(Transport* transport, ExportNumbers* numbers, const Options& options);

  // Sends all of it in as many calls as it takes. OK: each record is with the destination, or
  // dropped and counted. Else nothing is dropped, the error says when to call again, with the same
  // records, and what was taken is not sent again.
  absl::Status Export(const Outgoing& outgoing);

  // Whether the wait that the last error asks for is only our own: then it may end early.
  bool may_retry_early() const { return may_retry_early_; }

  // A reload: a signal that is off is tried again.
  void TryAllSignals();

 private:
  struct Range {
    size_t begin;
    size_t end;
  };
  // One signal's way through the records that are being exported.
  struct Lane {
    // What is left, the next one last.
    std::vector<Range> todo;
    // Until when the signal is off, as BootNano; 0: it is not.
    uint64_t off_until = 0;
  };

  absl::Status Step(Signal signal, const SignalBatch& batch);
  Answer Send(Signal signal, const SignalBatch& batch, const Range& range);
  // The range's records are done with.
  void Pass(Signal signal, const Range& range);
  absl::Status OnSplit(Signal signal, const SignalBatch& batch, const Range& sent,
                       const Answer& answer);
  absl::Status OnLoneRefused(Signal signal, const SignalBatch& batch, size_t item,
                             const Answer& answer);
  absl::Status OnUnsupported(Signal signal, const Answer& answer);
  absl::Status Wait(const Answer& answer);
  bool IsOff(Signal signal);
  bool TakesAnotherThan(Signal signal);
  void Drop(Signal signal, const SignalBatch& batch, const Range& range, absl::string_view reason,
            const Answer& answer);
  void LearnLimit(size_t refused_bytes, const Answer& answer);
  void GrowLimit();
  Lane& lane(Signal signal) { return lanes_[static_cast<size_t>(signal)]; }

  Transport* const transport_;
  ExportNumbers* const numbers_;
  const bool drops_refused_;
  const Clock& clock_;
  std::array<Lane, std::size(kSignals)> lanes_;
  // Whether lanes_ are of an export that has begun and not ended.
  bool has_begun_ = false;
  Request request_;

  // Bytes of a request: never more than ceiling_; limit_ falls and rises below it.
  size_t ceiling_;
  size_t limit_;
  uint64_t limit_changed_ = 0;

  int waits_ = 0;  // in a row
  bool may_retry_early_ = false;
  std::minstd_rand random_;
  uint64_t told_of_drops_ = 0;
};

}  // namespace sluice::otlp
