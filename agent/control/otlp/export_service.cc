#include "agent/control/otlp/export_service.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"
#include "agent/control/otlp/export_probe.h"
#include "agent/net/grpc/request.h"
#include "agent/net/grpc/unary.h"
#include "proto/record/names.h"
#include "sluice/v1/export.pb.h"

namespace sluice::control {
namespace {

constexpr char kKind[] = "otlp";

bool IsExport(absl::string_view sink) { return sink == kKind || absl::StartsWith(sink, "otlp."); }

// What the request means, out of the configuration.
absl::StatusOr<std::vector<ExportTarget>> TargetsOf(const config::AgentConfig& config,
                                                    const v1::TestExportRequest& request) {
  std::vector<ExportTarget> targets;
  const bool is_any = request.sink().empty() && request.endpoint().empty();
  const std::string name = request.sink().empty() ? kKind : request.sink();
  for (const config::SinkConfig& sink : config.sinks) {
    if (!IsExport(sink.name) || (is_any ? !sink.on() : sink.name != name)) continue;
    ExportTarget target{sink.name, sink.As<otlp::OtlpSettings>()};
    if (!request.endpoint().empty()) {
      target.settings.endpoint = request.endpoint();
      target.settings.traces_endpoint.clear();
      target.settings.logs_endpoint.clear();
      target.settings.metrics_endpoint.clear();
      target.settings.signals = {true, true, true};
    }
    targets.push_back(std::move(target));
  }
  if (targets.empty() && !is_any) {
    return absl::NotFoundError(absl::StrCat("there is no [", name, "]"));
  }
  if (targets.empty()) {
    return absl::FailedPreconditionError(
        "no export by OTLP is configured; name a destination to test one");
  }
  return targets;
}

}  // namespace

void ExportService::AddRoutes(net::GrpcServer* server) {
  server->AddRoute(method::kControlTestExport, TestRoute(server));
  server->AddRoute(method::kControlRetryExport, RetryRoute());
}

net::Route ExportService::TestRoute(net::GrpcServer* server) {
  const auto test = [this](const Question& question, AnswerStream& stream) -> absl::Status {
    ASSIGN_OR_RETURN(const auto request,
                     net::ParseRequest<v1::TestExportRequest>(question.request));
    absl::StatusOr<std::vector<ExportTarget>> targets = absl::CancelledError();
    if (!stream.OnLoop([&] { targets = TargetsOf(options_.config(), request); })) {
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(targets.status());
    for (const ExportTarget& target : *targets) ProbeExport(target, request.span(), stream);
    return absl::OkStatus();
  };
  return {options_.answers->Serve(server, test)};
}

net::Route ExportService::RetryRoute() {
  return {net::Unary([this](net::Call& call, std::string_view encoded) {
    const auto request = net::ParseRequest<v1::RetryExportRequest>(encoded);
    if (!request.ok()) return call.Finish(request.status());
    v1::RetryExportResponse response;
    bool is_known = request->sink().empty();
    for (const auto& worker : *options_.workers) {
      const bool is_meant = request->sink().empty() || worker->name() == request->sink();
      if (!is_meant || !IsExport(worker->name())) continue;
      is_known = true;
      if (worker->RetryNow()) response.add_sinks(worker->name());
    }
    if (!is_known) {
      return call.Finish(
          absl::NotFoundError(absl::StrCat("no export named ", request->sink(), " is on")));
    }
    call.Send(response.SerializeAsString());
    call.Finish(absl::OkStatus());
  })};
}

}  // namespace sluice::control
