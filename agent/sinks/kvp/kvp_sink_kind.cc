#include <pwd.h>

#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/base/log.h"
#include "agent/sinks/kvp/kvp_settings.h"
#include "agent/sinks/kvp/kvp_sink.h"
#include "agent/sinks/sink_kind.h"
#include "proto/kvp/report.h"
#include "proto/kvp/slot.h"

namespace sluice::sinks {
namespace {

std::optional<uid_t> UidOf(const std::string& user) {
  uint32_t uid;
  if (absl::SimpleAtoi(user, &uid)) return uid;
  const passwd* const entry = ::getpwnam(user.c_str());
  if (entry == nullptr) return std::nullopt;
  return entry->pw_uid;
}

std::vector<uid_t> UidsOf(const std::vector<std::string>& users) {
  std::vector<uid_t> uids;
  for (const std::string& user : users) {
    if (const auto uid = UidOf(user)) {
      uids.push_back(*uid);
    } else {
      LogWarning(absl::StrCat("kvp.trusted: no user \"", user, "\", ignoring"));
    }
  }
  return uids;
}

std::unique_ptr<Sink> Make(const SinkContext& context) {
  const auto& settings = context.sink.As<kvp::KvpSettings>();
  kvp::KvpSink::Options options;
  options.pool_path = settings.path;
  options.runtime_directory = context.config.runtime.path;
  options.boot_id_path = absl::StrCat(context.journal->GetUsage().path, "/kvp_boot_id");
  options.vm_id = settings.vm_id.empty() ? context.vm_id : settings.vm_id;
  options.prefix = settings.prefix;
  options.trusted = UidsOf(settings.trusted);
  options.profile = settings.profile;
  options.journal_epoch = context.journal->epoch();
  options.counters = context.counters;
  return std::make_unique<kvp::KvpSink>(options);
}

// Where azure-init says its report.
constexpr char kAzureInitReportTarget[] = "libazureinit::health::report";

// Why a report stays an ordinary event; empty: it does not.
std::string_view RefusalOf(std::string_view report, const live::Candidate& event, bool is_enabled) {
  if (event.origin->identity.uid != 0) return "not_root";
  if (!event.sender_is_host_root) return "container";
  if (!is_enabled) return "off";
  return kvp::FitsOneRecord(report) ? "" : "size";
}

bool TakesReport(const live::Candidate& event, bool is_enabled) {
  const auto report = FindHealthReport(*event.record);
  if (!report.has_value()) return false;
  const std::string_view refusal = RefusalOf(*report, event, is_enabled);
  if (!refusal.empty()) event.Count("kvp.report_refused", refusal);
  return refusal.empty();
}

UnfilteredEvents Reports() {
  return {
      .attribute = kHealthReport,
      .takes = TakesReport,
      .hint = {filter::LevelFilter::kOff, {{kAzureInitReportTarget, filter::LevelFilter::kInfo}}}};
}

}  // namespace

SinkKind KvpSinkKind() {
  return {.section = kvp::KvpSection(),
          .make = &Make,
          .destination =
              [](const config::SinkConfig& sink) { return sink.As<kvp::KvpSettings>().path; },
          .unfiltered = Reports()};
}

}  // namespace sluice::sinks
