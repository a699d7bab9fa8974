#include "proto/kvp/report.h"

namespace sluice {
namespace {

void AppendReportField(std::string_view field, char quote, std::string* out) {
  const char quoting[] = {'|', quote, '\r', '\n'};
  if (field.find_first_of({quoting, sizeof(quoting)}) == std::string_view::npos) {
    out->append(field);
    return;
  }
  out->push_back(quote);
  for (const char c : field) out->append(c == quote ? 2 : 1, c);
  out->push_back(quote);
}

class FieldList {
 public:
  void Add(std::string_view key, std::string_view value) {
    fields_.push_back(std::string(key).append("=").append(value));
  }
  void AddExtras(const ProvisioningReport& report) {
    for (const auto& [key, value] : report.extras) Add(key, value);
  }
  const std::vector<std::string>& fields() const { return fields_; }

 private:
  std::vector<std::string> fields_;
};

void AddIdentity(const ProvisioningReport& report, ReportDialect dialect, FieldList* list) {
  if (dialect == ReportDialect::kAzureInit) {
    list->Add("pps_type", report.pps_type);
    list->Add("vm_id", report.vm_id);
    list->Add("timestamp", report.timestamp);
  } else if (report.success) {
    list->Add("timestamp", report.timestamp);
    list->Add("vm_id", report.vm_id);
  } else {
    list->Add("vm_id", report.vm_id);
    list->Add("timestamp", report.timestamp);
  }
}

}  // namespace

std::string JoinReportFields(const std::vector<std::string>& fields, char quote) {
  std::string report;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) report += '|';
    AppendReportField(fields[i], quote, &report);
  }
  return report;
}

std::optional<std::string_view> FindHealthReport(const RecordView& record) {
  if (record.kind != RecordKind::kEvent) return std::nullopt;
  // Most events are told apart by one search, without looking at their attributes.
  if (record.event.body.find(kHealthReport) == std::string_view::npos) return std::nullopt;
  for (const std::string_view encoded : record.event.attributes()) {
    const AttributeView attribute = ReadAttribute(encoded);
    if (attribute.key == kHealthReport && attribute.value.type == ValueView::Type::kString) {
      return attribute.value.text;
    }
  }
  return std::nullopt;
}

std::string EncodeReport(const ProvisioningReport& report, ReportDialect dialect) {
  FieldList list;
  list.Add("result", report.success ? "success" : "error");
  if (!report.success) list.Add("reason", report.reason);
  list.Add("agent", report.agent);
  if (!report.success) list.AddExtras(report);
  AddIdentity(report, dialect, &list);
  if (report.success) list.AddExtras(report);
  if (!report.success && !report.documentation_url.empty()) {
    list.Add("documentation_url", report.documentation_url);
  }
  return JoinReportFields(list.fields(), dialect == ReportDialect::kAzureInit ? '"' : '\'');
}

}  // namespace sluice
