#include "agent/control/kvp/reporter.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"
#include "agent/identity/host_root.h"
#include "proto/kvp/edit.h"
#include "proto/kvp/vm_id.h"
#include "proto/text/times.h"
#include "sluice/v1/ingest.pb.h"

namespace sluice::control {
namespace {

constexpr char kTarget[] = "sluice::report";

std::string EncodeBatch(const v1::ReportRequest& request, const std::string& report,
                        uint64_t unix_nano) {
  v1::Batch batch;
  v1::Record& record = *batch.add_records();
  record.set_kind(v1::RECORD_KIND_EVENT);
  record.set_level(request.failure() ? v1::LEVEL_ERROR : v1::LEVEL_INFO);
  record.set_target(kTarget);
  auto& event = *record.mutable_event();
  event.set_time_unix_nano(unix_nano);
  event.mutable_body()->set_string_value("Provisioning report");
  auto& attribute = *event.add_attributes();
  attribute.set_key(std::string(kHealthReport));
  attribute.mutable_value()->set_string_value(report);
  return batch.SerializeAsString();
}

}  // namespace

absl::StatusOr<std::string> Reporter::Encode(const v1::ReportRequest& request) const {
  const std::string& vm_id = request.vm_id().empty() ? options_.vm_id : request.vm_id();
  if (vm_id == kNoVmId && request.vm_id().empty()) {
    return absl::InvalidArgumentError(std::string(kVmIdUnknown));
  }
  ProvisioningReport report;
  report.success = !request.failure();
  report.reason = request.reason();
  report.agent = request.agent();
  if (!request.pps_type().empty()) report.pps_type = request.pps_type();
  report.vm_id = vm_id;
  report.timestamp = FormatRfc3339(options_.clock->UnixNano());
  report.documentation_url = request.documentation_url();
  for (const v1::ReportField& field : request.supporting_data()) {
    report.extras.emplace_back(field.key(), field.value());
  }
  std::string value = EncodeReport(report, options_.dialect);
  const std::string error = kvp::CheckValue(value, /*unsafe=*/false);
  if (!error.empty()) return absl::InvalidArgumentError(error);
  return value;
}

absl::StatusOr<uint64_t> Reporter::Admit(const Identity& caller, const v1::ReportRequest& request,
                                         const std::string& report) {
  auto origin = std::make_shared<live::Origin>();
  origin->identity = caller;
  const auto admitted = options_.admission->Admit(
      {std::move(origin), std::nullopt, /*is_host_root=*/true},
      EncodeBatch(request, report, options_.clock->UnixNano()), journal::Urgency::kNow);
  if (!admitted.ok()) return admitted.status();
  if (admitted->accepted == 0) return absl::UnavailableError("the report was dropped on admission");
  return admitted->journal_sequence;
}

void Reporter::Report(const Identity& caller, const v1::ReportRequest& request, Done done) {
  net::HostRootVerdict verdict = net::JudgeHostRoot(caller);
  if (verdict.ok() && !options_.off.empty()) {
    verdict = {"off", absl::FailedPreconditionError(options_.off)};
  }
  if (!verdict.ok()) {
    options_.counters->Add("kvp.report_refused", verdict.reason, caller.uid);
    return done(Annotate(verdict.status, "the provisioning report"));
  }
  auto report = Encode(request);
  if (!report.ok()) return done(report.status());
  const auto sequence = Admit(caller, request, *report);
  if (!sequence.ok()) return done(sequence.status());
  v1::FlushRequest flush;
  flush.add_sinks("kvp");
  flush.set_timeout_ms(request.timeout_ms());
  options_.flush->Flush(
      /*caller=*/0, flush,
      [done = std::move(done), report = *report](const v1::FlushResponse& flushed) {
        const v1::SinkFlush& kvp = flushed.sinks(0);
        if (!kvp.done()) {
          return done(absl::UnavailableError(absl::StrCat(
              "the report is not in the pool yet, and is written once it can be: ", kvp.error())));
        }
        v1::ReportResponse response;
        response.set_value(report);
        done(response);
      },
      *sequence);
}

}  // namespace sluice::control
