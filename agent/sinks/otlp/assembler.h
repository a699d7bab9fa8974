// Turns deliveries into what is exported: whole spans and log records, under the resource of who
// sent them and the scope that their target is.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "agent/identity/identity.h"
#include "agent/sinks/otlp/otlp_settings.h"
#include "agent/sinks/otlp/resource.h"
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
    HostResource host;
    Signals signals{true, true, true};  // of others nothing goes out
    // The attribute that tells a span's level; empty: none does.
    std::string level_attribute;
  };

  explicit Assembler(Options options) : options_(std::move(options)) {}

  // Spans go out when they have ended, events as they come.
  void Add(const stream::Delivery& delivery, Outgoing* outgoing);
  // Outgoing was cleared.
  void Forget() { last_ = {}; }

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

  void AddSpan(const stream::Delivery& delivery, Outgoing* outgoing);
  void AddEvent(const stream::Delivery& delivery, Outgoing* outgoing);
  void AddItem(const stream::Delivery& delivery, const Sender& sender, Signal signal,
               std::string_view item, Outgoing* outgoing);
  std::string_view BodyOf(const stream::Delivery& delivery);
  SignalBatch::Group* GroupOf(const Sender& sender, Signal signal, Outgoing* outgoing);

  const Options options_;
  std::array<LastGroup, std::size(kSignals)> last_;
  std::string body_;   // the last item that was put together
  std::string scope_;  // and its scope
  std::string scope_target_;
};

}  // namespace sluice::otlp
