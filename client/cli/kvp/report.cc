#include "client/cli/kvp/report.h"

#include <CLI/App.hpp>
#include <array>
#include <iterator>

#include "client/cli/agent/emit.h"
#include "client/cli/kvp/pool_source.h"
#include "client/cli/kvp/text_input.h"
#include "client/cli/verb.h"
#include "proto/kvp/key.h"
#include "proto/kvp/report.h"
#include "proto/kvp/vm_id.h"
#include "proto/record/names.h"
#include "proto/text/times.h"
#include "proto/wire/utf8.h"

namespace sluice::cli {
namespace {

// What the flags say.
struct ReportFlags {
  bool failure = false;
  std::string reason;
  std::string agent = "sluice/" + std::string(kVersion);
  std::string vm_id;
  std::string documentation_url;
  std::vector<kvp::KeyValue> supporting_data;
};

Result<std::string> ReportThroughAgent(AgentView* agent, const GlobalOptions& options,
                                       const ReportFlags& flags) {
  v1::ReportRequest request;
  request.set_failure(flags.failure);
  request.set_reason(flags.reason);
  request.set_agent(flags.agent);
  request.set_vm_id(flags.vm_id);
  request.set_documentation_url(flags.documentation_url);
  for (const kvp::KeyValue& field : flags.supporting_data) {
    v1::ReportField* const added = request.add_supporting_data();
    added->set_key(field.key);
    added->set_value(field.value);
  }
  request.set_timeout_ms(static_cast<uint32_t>(PoolTimeout(options).count()));
  Result<v1::ReportResponse> response = agent->Report(request);
  if (!response.ok()) return response.failure();
  return response->value();
}

Result<std::string> ReportIntoFile(const std::string& path, const GlobalOptions& options,
                                   const ReportFlags& flags) {
  ProvisioningReport report;
  report.success = !flags.failure;
  report.reason = flags.reason;
  report.agent = flags.agent;
  report.vm_id = flags.vm_id.empty() ? ReadVmId() : flags.vm_id;
  if (report.vm_id.empty()) return Failure{kExitUsage, std::string(kVmIdUnknown)};
  report.timestamp = FormatRfc3339(UnixNow());
  report.documentation_url = flags.documentation_url;
  for (const auto& [key, value] : flags.supporting_data) report.extras.emplace_back(key, value);
  std::string text = EncodeReport(report, ReportDialect::kAzureInit);
  const std::string error = kvp::CheckValue(text, /*unsafe=*/false);
  if (!error.empty()) return Failure{kExitUsage, error};
  const Result<size_t> written = EditPoolFile(
      options, path,
      {.kind = kvp::PoolEdit::Kind::kUpsert, .records = {{std::string(kvp::kReportKey), text}}});
  if (!written.ok()) return written.failure();
  return text;
}

void MakeValid(std::string* text) {
  std::string valid;
  AppendValidUtf8(*text, &valid);
  *text = std::move(valid);
}

// The host must hear of a failure, whatever bytes tell why. It reads UTF-8 only.
void MakeTextValid(ReportFlags* flags) {
  for (std::string* const text :
       {&flags->reason, &flags->agent, &flags->vm_id, &flags->documentation_url}) {
    MakeValid(text);
  }
  for (kvp::KeyValue& field : flags->supporting_data) {
    MakeValid(&field.key);
    MakeValid(&field.value);
  }
}

Result<std::string> WriteReport(const GlobalOptions& options, const ReportFlags& flags) {
  Result<PoolOwner> owner = FindPoolOwner(options);
  if (!owner.ok()) return owner.failure();
  return owner->agent ? ReportThroughAgent(&*owner->agent, options, flags)
                      : ReportIntoFile(owner->path, options, flags);
}

void AddReportFlags(CLI::App& app, ReportFlags* flags) {
  app.add_option("--vm-id", flags->vm_id, "The VM's id; read from the firmware by default")
      ->type_name("ID");
  app.add_option("--agent", flags->agent, "Who reports, NAME/VERSION")
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option_function<std::vector<std::string>>(
         "--supporting-data",
         [flags](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) {
             Result<std::vector<kvp::KeyValue>> fields = ParseSupportingData(text);
             if (!fields.ok()) {
               throw CLI::ValidationError("--supporting-data", fields.failure().message);
             }
             std::move(fields->begin(), fields->end(), std::back_inserter(flags->supporting_data));
           }
         },
         "More fields: k1=v1,k2='a,b'. Repeatable")
      ->type_name("K=V,...")
      ->allow_extra_args(false);
  if (!flags->failure) return;
  app.add_option("--reason", flags->reason, "What failed")->type_name("TEXT")->required();
  app.add_option("--documentation-url", flags->documentation_url, "Where it is explained")
      ->type_name("URL");
}

int Report(CLI::App& app, bool failure, GlobalOptions options, std::vector<std::string> arguments) {
  ReportFlags flags{.failure = failure};
  AddPoolOptions(app, &options);
  AddReportFlags(app, &flags);
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  MakeTextValid(&flags);
  const Result<std::string> written = WriteReport(options, flags);
  return written.ok() ? kExitOk : Fail(written.failure());
}

constexpr char kSuccess[] =
    "Tells Azure through the KVP pool that provisioning succeeded. Prints nothing; what was "
    "emitted\n"
    "before, and the report, are in the pool file and synced when it returns.";
constexpr char kFailure[] =
    "Tells Azure through the KVP pool that provisioning failed, and why. Prints nothing; what was\n"
    "emitted before, and the report, are in the pool file and synced when it returns.";

int ReadyVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(kSuccess, "sluice report ready");
  app.footer("Example:\n  sluice report ready --agent build-agent/1.2 --supporting-data build=123");
  return Report(app, /*failure=*/false, std::move(options), std::move(arguments));
}

int FailureVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(kFailure, "sluice report failure");
  app.footer("Example:\n  sluice report failure --reason 'disk not found' --supporting-data lun=3");
  return Report(app, /*failure=*/true, std::move(options), std::move(arguments));
}

constexpr std::array kReportVerbs = {
    Verb{"ready", "Provisioning succeeded", ReadyVerb},
    Verb{"failure", "Provisioning failed, and why", FailureVerb},
};

}  // namespace

int ReportSuccessVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(kSuccess, "sluice kvp report-success");
  app.footer("Example:\n  sluice kvp report-success --supporting-data build=123");
  return Report(app, /*failure=*/false, std::move(options), std::move(arguments));
}

int ReportFailureVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(kFailure, "sluice kvp report-failure");
  app.footer("Example:\n  sluice kvp report-failure --reason 'disk not found'");
  return Report(app, /*failure=*/true, std::move(options), std::move(arguments));
}

int ReportVerb(GlobalOptions options, std::vector<std::string> arguments) {
  const VerbGroup report{.name = "sluice report",
                         .description =
                             "Tells Azure how provisioning went: the record PROVISIONING_REPORT of "
                             "the KVP pool. For root alone.",
                         .verbs = kReportVerbs,
                         .footer = "Example:\n  sluice report ready\n",
                         .version = {},
                         .add_options = AddPoolOptions};
  return Dispatch(report, std::move(options), std::move(arguments));
}

}  // namespace sluice::cli
