#include "agent/control/otlp/export_probe.h"

#include <sys/random.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "agent/base/clock.h"
#include "agent/base/status_macros.h"
#include "agent/control/valid_text.h"
#include "agent/sinks/otlp/net/load_module.h"
#include "agent/sinks/otlp/network_transport.h"
#include "agent/sinks/otlp/per_signal_transport.h"
#include "proto/trace/ids.h"
#include "sluice/otlp/v1/collector.pb.h"
#include "sluice/v1/export.pb.h"

namespace sluice::control {
namespace {

std::string RandomBytes(size_t size) {
  std::string bytes(size, '\1');
  // Where the kernel has none to give, these are ids all the same.
  [[maybe_unused]] const ssize_t got = getrandom(bytes.data(), bytes.size(), GRND_NONBLOCK);
  return bytes;
}

// One destination under test.
class Probe {
 public:
  Probe(const ExportTarget& target, AnswerStream* stream) : target_(target), stream_(stream) {}

  void Run(bool span) {
    auto transport = otlp::MakePerSignal(
        target_.settings, [this](const otlp::OtlpSettings& settings) { return MakeTo(settings); });
    if (!transport.ok()) {
      response_.set_signal(NameOf(otlp::Signal::kTraces));
      return Conclude(v1::EXPORT_VERDICT_UNREACHABLE, std::string(transport.status().message()));
    }
    // Whoever asked may go before there is an answer.
    const std::shared_ptr<otlp::Transport> shared = *std::move(transport);
    stream_->WhenOver([shared] { shared->Cancel(); });
    for (const otlp::Signal signal : otlp::kSignals) {
      if (!target_.settings.signals[static_cast<size_t>(signal)]) continue;
      const bool has_span = span && signal == otlp::Signal::kTraces;
      if (!Ask(*shared, signal, has_span ? TestSpan(Clock::System().UnixNano()) : "")) return;
    }
  }

 private:
  absl::StatusOr<std::unique_ptr<otlp::Transport>> MakeTo(const otlp::OtlpSettings& settings) {
    const std::string& endpoint = settings.endpoint;
    if (otlp::KindOf(endpoint) != otlp::EndpointKind::kNetwork) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot try '", endpoint, "': not on a network nor a Unix socket"));
    }
    ASSIGN_OR_RETURN(otlp::Destination destination, otlp::DestinationOf(settings));
    destination.on_step = [this](const otlp::Step& step) { OnStep(step); };
    return otlp::MakeNetworkTransport(destination);
  }

  // False: the others would fare no better.
  bool Ask(otlp::Transport& transport, otlp::Signal signal, const std::string& request) {
    response_.set_signal(NameOf(signal));
    reached_ = false;
    const absl::string_view piece = request;
    const otlp::Answer answer =
        transport.Send(signal, request.empty() ? absl::Span<const absl::string_view>()
                                               : absl::MakeConstSpan(&piece, 1));
    const auto verdict = answer.kind == otlp::Answer::Kind::kDone ? v1::EXPORT_VERDICT_OK
                         : reached_                               ? v1::EXPORT_VERDICT_REFUSED
                                                                  : v1::EXPORT_VERDICT_UNREACHABLE;
    Conclude(verdict, answer.message);
    return verdict != v1::EXPORT_VERDICT_UNREACHABLE && !stream_->IsOver();
  }

  void OnStep(const otlp::Step& step) {
    reached_ = step.what == "export";
    response_.set_step(step.what);
    response_.set_took_nano(static_cast<uint64_t>(std::chrono::nanoseconds(step.took).count()));
    Send(step.detail);
  }

  void Conclude(v1::ExportVerdict verdict, const std::string& words) {
    response_.clear_step();
    response_.clear_took_nano();
    response_.set_verdict(verdict);
    Send(words);
    response_.clear_verdict();
  }

  void Send(const std::string& detail) {
    response_.set_sink(target_.sink);
    response_.set_detail(ValidText(detail));
    stream_->Send(response_.SerializeAsString());
  }

  const ExportTarget& target_;
  AnswerStream* const stream_;
  v1::TestExportResponse response_;
  bool reached_ = false;  // the destination answered, well or not
};

}  // namespace

void ProbeExport(const ExportTarget& target, bool span, AnswerStream& stream) {
  Probe(target, &stream).Run(span);
}

std::string TestSpan(uint64_t unix_nano) {
  sluice::otlp::v1::ExportTraceServiceRequest request;
  auto* const spans = request.add_resource_spans();
  auto* const service = spans->mutable_resource()->add_attributes();
  service->set_key("service.name");
  service->mutable_value()->set_string_value("sluice");
  auto* const span = spans->add_scope_spans()->add_spans();
  span->set_name("sluice otlp test");
  span->set_trace_id(RandomBytes(TraceId::kBytes));
  span->set_span_id(RandomBytes(SpanId::kBytes));
  span->set_start_time_unix_nano(unix_nano);
  span->set_end_time_unix_nano(unix_nano);
  return request.SerializeAsString();
}

}  // namespace sluice::control
