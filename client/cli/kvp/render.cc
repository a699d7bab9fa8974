#include "client/cli/kvp/render.h"

#include "client/cli/render/table.h"
#include "client/cli/render/text.h"
#include "proto/kvp/slot.h"

namespace sluice::cli {
namespace {

std::string KeyAndValue(std::string_view key, std::string_view value) {
  return EscapeControls(key) + '=' + EscapeControls(value) + '\n';
}

std::string Duration(const kvp::Item& item) {
  if (item.kind != kvp::ItemKind::kSpan) return "-";
  if (!item.begin || !item.end || *item.end < *item.begin) return "?";
  return FormatDuration(*item.end - *item.begin);
}

// The error of an aborted span says so itself.
std::string WhyFailed(const kvp::Item& item) {
  if (item.error.empty()) return "error";
  return (item.aborted.empty() ? "error: " : "") + EscapeControls(item.error);
}

std::string Percent(size_t part, size_t whole) {
  return whole == 0 ? "-" : std::to_string(part * 100 / whole) + " %";
}

}  // namespace

std::map<std::string_view, std::string_view> LastValues(const kvp::PoolImage& image) {
  std::map<std::string_view, std::string_view> values;
  for (size_t i = 0; i < image.size(); ++i) {
    const kvp::Pair record = image.record(i);
    values[record.key] = record.value;
  }
  return values;
}

std::string RenderInfo(const PoolInfo& info) {
  const auto word = [](bool value) { return value ? "true" : "false"; };
  std::string out = "pool=" + std::string(info.pool) + "\npath=" + EscapeControls(info.path) +
                    "\nmode=" + (info.unsafe ? "unsafe" : "safe");
  out += "\nrecords=" + std::to_string(info.records) + "\nempty=" + word(info.records == 0);
  out += std::string("\nstale=") + word(info.stale);
  out += "\nmax_key_size=" + std::to_string(info.unsafe ? kvp::kKeyBytes : kvp::kSafeKeyBytes);
  out +=
      "\nmax_value_size=" + std::to_string(info.unsafe ? kvp::kValueBytes : kvp::kSafeValueBytes);
  return out + '\n';
}

std::string RenderDump(const kvp::PoolImage& image) {
  std::string out;
  for (size_t i = 0; i < image.size(); ++i) {
    const kvp::Pair record = image.record(i);
    out += KeyAndValue(record.key, record.value);
  }
  return out;
}

std::string RenderEntries(const kvp::PoolImage& image) {
  std::string out;
  for (const auto& [key, value] : LastValues(image)) out += KeyAndValue(key, value);
  return out;
}

std::string RenderDecoded(const std::vector<kvp::Item>& items) {
  std::string out;
  for (const kvp::Item& item : items) {
    out += FormatTime(item.begin.value_or(item.end.value_or(0))) + "  " + Duration(item) + "  " +
           std::string(kvp::WriterName(item.writer));
    const std::string_view level = LevelName(item.level);
    if (!level.empty()) out += "  " + std::string(level);
    const std::string& name = item.name.empty() ? item.key : item.name;
    out += "  " + EscapeControls(name);
    if (!item.result.empty()) out += "  " + EscapeControls(item.result);
    if (!item.text.empty()) out += "  " + EscapeControls(item.text);
    if (!item.start_text.empty()) out += "  start: " + EscapeControls(item.start_text);
    if (item.failed) out += "  " + WhyFailed(item);
    out += item.incomplete ? "  (incomplete)\n" : "\n";
  }
  return out;
}

std::string RenderUsage(const kvp::PoolUsage& usage) {
  Table whole("Pool");
  whole.Row({"records", std::to_string(usage.records) + " of " + std::to_string(usage.aim),
             Percent(usage.records, usage.aim)});
  whole.Row({"file", FormatBytes(usage.file_bytes)});
  if (usage.torn_bytes > 0) {
    whole.Row({"torn", std::to_string(usage.torn_bytes) + " bytes after the last whole record"});
  }
  if (usage.shifted > 0) {
    whole.Row({"shifted", std::to_string(usage.shifted) +
                              " made of parts of others; 'sluice kvp check' tells where"});
  }
  Table writers("Writers");
  for (const kvp::PoolUsage::Share& share : usage.shares) {
    writers.Row({std::string(kvp::WriterName(share.writer)), share.source,
                 std::to_string(share.records) + (share.records == 1 ? " record" : " records"),
                 FormatBytes(share.text_bytes) + " of text"});
  }
  const std::string rows = writers.Render();
  return whole.Render() + (rows.empty() ? "" : '\n' + rows);
}

std::string RenderFindings(const std::vector<kvp::Finding>& findings) {
  if (findings.empty()) return "The host can read every record.\n";
  std::string out;
  for (const kvp::Finding& finding : findings) {
    out += finding.record ? "record " + std::to_string(*finding.record) : std::string("file");
    out += ": " + EscapeControls(finding.what) + '\n';
  }
  return out;
}

}  // namespace sluice::cli
