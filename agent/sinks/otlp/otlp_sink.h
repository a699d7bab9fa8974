// The sink that exports spans, log records and metrics by OTLP.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "agent/base/clock.h"
#include "agent/self/counters.h"
#include "agent/sinks/otlp/assembler.h"
#include "agent/sinks/otlp/export_numbers.h"
#include "agent/sinks/otlp/exporter.h"
#include "agent/sinks/otlp/otlp_settings.h"
#include "agent/sinks/otlp/transport.h"
#include "agent/sinks/sink.h"

namespace sluice::otlp {

class OtlpSink final : public sinks::Sink {
 public:
  struct Options {
    std::string name;
    OtlpSettings settings;
    HostResource host;
    Counters* counters = nullptr;
    const Clock* clock = &Clock::System();
  };

  OtlpSink(Options options, std::unique_ptr<Transport> transport);

  std::string destination() const override { return transport_->Describe(); }
  sinks::SinkPolicy policy() const override;
  // The transport opens what it needs when there is something to send.
  absl::Status Open() override { return absl::OkStatus(); }
  void Add(const stream::Delivery& delivery) override;
  bool takes_scopes() const override { return true; }
  bool TakeScope(const stream::WholeScope& scope) override { return assembler_.AddScope(scope); }
  bool rebuilds() const override { return true; }
  bool holds() const override { return assembler_.holds(); }
  void ReleaseHeld(bool replayed) override { assembler_.ReleaseAll(replayed); }
  bool OnIdle() override;
  absl::Status Commit() override;
  absl::Status Sync() override;
  int retry_fd() const override;
  std::optional<sinks::ExportStatus> export_status() const override { return numbers_.status(); }
  void Reopen() override;
  void Cancel() override { transport_->Cancel(); }
  size_t pending_bytes() const override { return outgoing_.bytes(); }
  size_t pending_records() const override { return outgoing_.records(); }

 private:
  const Options options_;
  const std::unique_ptr<Transport> transport_;
  ExportNumbers numbers_;
  Outgoing outgoing_;
  Assembler assembler_;
  Exporter exporter_;
};

}  // namespace sluice::otlp
