// A destination on a network, or behind a Unix socket, as it is configured.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/base/mutex.h"
#include "agent/sinks/otlp/net/destination.h"
#include "agent/sinks/otlp/otlp_settings.h"
#include "agent/sinks/otlp/transport.h"

namespace sluice::otlp {

// INVALID_ARGUMENT: the endpoint is none.
absl::StatusOr<Destination> DestinationOf(const OtlpSettings& settings);

// Loads the module (net/load_module.h) with the first request, on the sink's thread: an agent is up
// as fast as one that exports nothing, and goes on without what is missing.
class NetworkTransport final : public Transport {
 public:
  explicit NetworkTransport(Destination destination);

  Answer Send(Signal signal, absl::Span<const absl::string_view> request) override;
  void Cancel() override EXCLUDES(mutex_);
  int retry_fd() const override { return inner_ ? inner_->retry_fd() : -1; }
  std::string Describe() const override { return description_; }

 private:
  // Null: `*error` says why.
  Transport* Inner(std::string* error) EXCLUDES(mutex_);

  const Destination destination_;
  const std::string description_;

  Mutex mutex_;  // for Cancel while inner_ is made
  std::unique_ptr<Transport> inner_;
  bool is_cancelled_ GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::otlp
