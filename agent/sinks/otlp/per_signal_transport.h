// A destination whose signals go to different endpoints.
#pragma once

#include <array>
#include <functional>
#include <iterator>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/sinks/otlp/otlp_settings.h"
#include "agent/sinks/otlp/transport.h"

namespace sluice::otlp {

class PerSignalTransport final : public Transport {
 public:
  // By Signal. Several signals may share one; null: there is nowhere to send the signal to.
  using Transports = std::array<std::shared_ptr<Transport>, std::size(kSignals)>;

  explicit PerSignalTransport(Transports transports) : transports_(std::move(transports)) {}

  Answer Send(Signal signal, absl::Span<const absl::string_view> request) override;
  void Cancel() override;
  Answer Sync() override;
  void Reopen() override;
  int retry_fd() const override { return last_ == nullptr ? -1 : last_->retry_fd(); }
  std::string Describe() const override;

 private:
  const Transports transports_;
  const Transport* last_ = nullptr;  // that was sent to
};

// The transport to all that `settings` name. `make` makes one to `settings.endpoint`.
using MakeTransportFn =
    std::function<absl::StatusOr<std::unique_ptr<Transport>>(const OtlpSettings& settings)>;
absl::StatusOr<std::unique_ptr<Transport>> MakePerSignal(const OtlpSettings& settings,
                                                         const MakeTransportFn& make);

}  // namespace sluice::otlp
