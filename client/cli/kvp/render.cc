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
  return (item.aborted.empty() ? "error: " : "") + item.error;
}

std::string What(const kvp::Item& item) {
  std::string what = item.name.empty() ? item.key : item.name;
  const auto add = [&what](const std::string& text) {
    if (!text.empty()) what += "  " + text;
  };
  add(item.result);
  add(item.text);
  if (!item.start_text.empty()) add("start: " + item.start_text);
  if (item.failed) add(WhyFailed(item));
  if (item.incomplete) add("(incomplete)");
  return what;
}

// `record 15 (KEY)`, with as much of the key as helps to find it. What is shifted has none.
std::string RecordText(const kvp::Finding& finding, const kvp::PoolImage& image) {
  constexpr size_t kKeyShown = 60;
  const std::string number = "record " + std::to_string(*finding.record);
  const std::string key = EscapeControls(image.record(*finding.record).key);
  if (finding.harm == kvp::Harm::kShifted || key.empty()) return number;
  return number + " (" + CutToWidth(key, kKeyShown, {}) + ')';
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

std::string RenderDecoded(const std::vector<kvp::Item>& items, const TextStyle& style) {
  if (items.empty()) return {};
  Table table("");
  table.Row({"TIME", "TOOK", "WRITER", "LEVEL", "WHAT"});
  for (const kvp::Item& item : items) {
    const std::string_view level = LevelName(item.level);
    table.Row({FormatTime(item.begin.value_or(item.end.value_or(0))), Duration(item),
               std::string(kvp::WriterName(item.writer)), std::string(level), What(item)});
    const bool is_error = item.failed || item.level == Level::kError || item.result == "FAIL";
    if (style.color && is_error) table.PaintLast(4, kRed);
    if (style.color && item.level == Level::kWarn) table.PaintLast(4, kYellow);
  }
  return table.RenderFolded(style);
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

std::string RenderFindings(const std::vector<kvp::Finding>& findings, const kvp::PoolImage& image) {
  if (findings.empty()) return "The host can read every record.\n";
  std::string out;
  for (const kvp::Finding& finding : findings) {
    out += finding.record ? RecordText(finding, image) : "file";
    out += ": " + EscapeControls(finding.what) + '\n';
  }
  return out;
}

}  // namespace sluice::cli
