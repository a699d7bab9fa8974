#include "agent/sinks/kvp/kvp_settings.h"

#include "absl/strings/str_cat.h"
#include "proto/record/names.h"

namespace sluice::kvp {

const char kDefaultFilter[] =
    "WARN,azure_init=INFO,libazureinit=INFO,libazureinit::config::success,"
    "libazureinit::http::received,libazureinit::http::success,libazureinit::ssh::authorized_keys,"
    "libazureinit::ssh::success,libazureinit::user::add,libazureinit::status::success,"
    "libazureinit::status::retrieved_vm_id,libazureinit::health::status,"
    "libazureinit::health::report,libazureinit::password::status";

namespace {

constexpr char kDiagnosticsKey[] = "telemetry.kvp_diagnostics";

void Resolve(const config::Resolving& resolving) {
  auto* const settings = resolving.sink->Mutable<KvpSettings>();
  if (settings->prefix.empty()) settings->prefix = absl::StrCat("sluice-", std::string(kVersion));
  if (!settings->diagnostics) resolving.sink->off_by = kDiagnosticsKey;
}

}  // namespace

config::SinkSection KvpSection() {
  using config::Choice;
  auto section = config::SectionOf(
      "kvp", "kvp",
      config::KeysOf<KvpSettings>()
          .Add("path", &KvpSettings::path, config::Path())
          .Add("prefix", &KvpSettings::prefix, config::Text())
          .Add("trusted", &KvpSettings::trusted, config::List())
          .Add("vm_id", &KvpSettings::vm_id, config::Text())
          .Add("profile", &KvpSettings::profile,
               Choice<Profile>({{"safe", Profile::kSafe}, {"strict", Profile::kStrict}}))
          .Add("report_dialect", &KvpSettings::report_dialect,
               Choice<ReportDialect>({{"azure-init", ReportDialect::kAzureInit},
                                      {"cloud-init", ReportDialect::kCloudInit}}))
          .Add("diagnostics", &KvpSettings::diagnostics, config::Bool())
          .Named(kDiagnosticsKey));
  section.default_filter = kDefaultFilter;
  section.filter_variables = {"SLUICE_KVP_FILTER", "AZURE_INIT_KVP_FILTER"};
  section.flags = {{"--kvp-pool", "path", "PATH", "Hyper-V KVP pool file"}};
  section.aliases = {{"telemetry.kvp_filter", "filter"}};
  section.resolve = &Resolve;
  return section;
}

}  // namespace sluice::kvp
