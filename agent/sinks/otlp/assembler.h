// Turns deliveries into what is exported: whole spans with the events inside them, and log records,
// under the resource of who sent them and the scope that their target is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/base/clock.h"
#include "agent/identity/identity.h"
#include "agent/self/counters.h"
#include "agent/sinks/otlp/export_numbers.h"
#include "agent/sinks/otlp/held_events.h"
#include "agent/sinks/otlp/otlp_settings.h"
#include "agent/sinks/otlp/resource.h"
#include "agent/sinks/otlp/sampler.h"
#include "agent/sinks/otlp/signal_batch.h"
#include "agent/sinks/otlp/transport.h"
#include "agent/stream/delivery.h"

namespace sluice::otlp {

// What is to be exported at once, by signal.
class Outgoing {
 public:
  SignalBatch& of(Signal signal) { return batches_[static_cast<size_t>(signal)]; }
  const SignalBatch& of(Signal signal) const { return batches_[static_cast<size_t>(signal)]; }
  size_t records() const {
    size_t records = 0;
    for (const SignalBatch& batch : batches_) records += batch.size();
    return records;
  }
  size_t bytes() const {
    size_t bytes = 0;
    for (const SignalBatch& batch : batches_) bytes += batch.bytes();
    return bytes;
  }
  void Clear() {
    for (SignalBatch& batch : batches_) batch.Clear();
  }

 private:
  std::array<SignalBatch, std::size(kSignals)> batches_;
};

// Owned by the sink's thread.
class Assembler {
 public:
  struct Options {
    ExportNumbers* numbers = nullptr;
    HostResource host;
    Signals signals{true, true, true};  // of others nothing goes out
    // The attribute that tells a span's level; empty: none does.
    std::string level_attribute;
    EventsAs events = EventsAs::kSpan;
    SampleRate sample;
    Counters* counters = nullptr;
    const Clock* clock = &Clock::System();
  };

  // `outgoing` outlives it.
  Assembler(Options options, Outgoing* outgoing);

  // Spans go out when they have ended. Events inside a span go with it, others as they come. A
  // replayed delivery adds to what is held and to nothing else.
  void Add(const stream::Delivery& delivery);
  // All of a scope as it came; false: it is to be added as records, since which of them go out is
  // to be looked at.
  bool AddScope(const stream::WholeScope& scope);
  // Outgoing was cleared.
  void OnCleared() { last_ = {}; }

  // Whether events are held of spans that are open.
  bool holds() const { return !held_.empty(); }
  // Those that have waited for a minute go out as log records.
  void ReleaseOld();
  // All do. `replayed`: they did so before, and are forgotten.
  void ReleaseAll(bool replayed);

 private:
  // Under whose resource something goes out.
  struct Sender {
    const Identity* identity;
    std::string_view resource;
    std::string_view schema_url;
    std::string_view rest;
  };
  // The group of the last record of a signal: mostly that of the next one, too.
  struct LastGroup {
    SignalBatch::Group* group = nullptr;
    Identity identity;
    std::string resource;
    std::string schema_url;
    std::string rest;
  };

  bool Exports(Signal signal) const { return options_.signals[static_cast<size_t>(signal)]; }
  void AddSpan(const stream::Delivery& delivery);
  void AddEvent(const stream::Delivery& delivery);
  bool IsWithinExported(const stream::Delivery& event) const;
  // Whether it is to wait for the end of the span that it is in.
  bool Waits(const stream::Delivery& event) const;
  bool Hold(const stream::Delivery& event, std::string_view body);
  void Release(const std::vector<HeldEvent>& events, absl::string_view why);
  std::string_view BodyOf(const stream::Delivery& span, const std::vector<HeldEvent>& events);
  std::string_view EventBodyOf(const stream::Delivery& event);
  bool IsSampledOut(const TraceId& trace_id, bool has_failed);
  ScopeKey ScopeOf(std::string_view target);
  ScopeKey ScopeOf(const journal::ScopeView& scope);
  SignalBatch::Group* GroupOf(const Sender& sender, Signal signal);

  const Options options_;
  Outgoing* const outgoing_;
  Sampler sampler_;
  HeldEvents held_;
  // Of the last event that was held.
  std::shared_ptr<const EventSender> held_sender_;
  std::array<LastGroup, std::size(kSignals)> last_;
  std::string body_;  // the last item that was put together
  // The last target as a scope.
  std::string scope_;
  std::string scope_target_;
  std::string scope_rest_;  // of the last scope that has any
};

}  // namespace sluice::otlp
