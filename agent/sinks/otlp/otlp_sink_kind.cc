#include <utility>

#include "agent/base/status_macros.h"
#include "agent/sinks/otlp/local_transport.h"
#include "agent/sinks/otlp/network_transport.h"
#include "agent/sinks/otlp/otlp_settings.h"
#include "agent/sinks/otlp/otlp_sink.h"
#include "agent/sinks/otlp/per_signal_transport.h"
#include "agent/sinks/sink_kind.h"

namespace sluice::sinks {
namespace {

std::string Endpoint(const config::SinkConfig& sink) {
  return sink.As<otlp::OtlpSettings>().endpoint;
}

bool ReadsMetrics(const config::SinkConfig& sink) {
  return sink.As<otlp::OtlpSettings>().signals[static_cast<size_t>(otlp::Signal::kMetrics)];
}

// Sound, or the configuration would have been refused.
absl::StatusOr<std::unique_ptr<otlp::Transport>> MakeTransport(const otlp::OtlpSettings& settings) {
  if (otlp::KindOf(settings.endpoint) == otlp::EndpointKind::kStdout) {
    return std::make_unique<otlp::StdoutTransport>();
  }
  if (otlp::KindOf(settings.endpoint) == otlp::EndpointKind::kNetwork) {
    ASSIGN_OR_RETURN(otlp::Destination destination, otlp::DestinationOf(settings));
    return std::make_unique<otlp::NetworkTransport>(std::move(destination));
  }
  LogFileOptions file;
  file.path = otlp::PathOf(settings.endpoint);
  file.max_size = settings.max_size;
  file.max_age = settings.max_age;
  file.rotate_keep = settings.rotate_keep;
  return std::make_unique<otlp::FileTransport>(std::move(file));
}

std::unique_ptr<Sink> Make(const SinkContext& context) {
  otlp::OtlpSink::Options options;
  options.name = context.sink.name;
  options.settings = context.sink.As<otlp::OtlpSettings>();
  options.host = otlp::ReadHostResource(context.vm_id);
  options.host.attributes = {options.settings.resource.begin(), options.settings.resource.end()};
  options.counters = context.counters;
  auto transport = *otlp::MakePerSignal(options.settings, &MakeTransport);
  return std::make_unique<otlp::OtlpSink>(std::move(options), std::move(transport));
}

}  // namespace

// A flush that names no sink does not wait for what may be far away.
SinkKind OtlpSinkKind() {
  return {.section = otlp::OtlpSection(),
          .make = &Make,
          .destination = &Endpoint,
          .flushed_by_default = false,
          .reads_metrics = &ReadsMetrics};
}

}  // namespace sluice::sinks
