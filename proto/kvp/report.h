// The value under PROVISIONING_REPORT: `|`-separated `key=value` fields that Azure reads to learn
// how provisioning went.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/record/view.h"

namespace sluice {

// azure-init's attribute for a report inside an event.
inline constexpr std::string_view kHealthReport = "health_report";

inline constexpr std::string_view kProvisioningErrorUrl = "https://aka.ms/linuxprovisioningerror";

// Whose order of fields and quote character.
enum class ReportDialect {
  kAzureInit,  // `"`
  kCloudInit,  // `'`; no pps_type
};

struct ProvisioningReport {
  bool success = true;
  std::string reason;  // failure only
  std::string agent;   // `Azure-Init/0.1.1`
  std::string pps_type = "None";
  std::string vm_id;
  std::string timestamp;                                    // as FormatRfc3339 gives it
  std::string documentation_url;                            // failure only; empty: no such field
  std::vector<std::pair<std::string, std::string>> extras;  // in order
};

std::string EncodeReport(const ProvisioningReport& report, ReportDialect dialect);

// The report in an event; nullopt: it is none, or its report is no text.
std::optional<std::string_view> FindHealthReport(const RecordView& record);

// Fields joined by `|`. One that holds `|`, the quote, CR or LF is quoted, quotes inside doubled.
std::string JoinReportFields(const std::vector<std::string>& fields, char quote);

}  // namespace sluice
