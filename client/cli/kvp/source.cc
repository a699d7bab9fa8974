#include "client/cli/kvp/source.h"

#include <charconv>
#include <string>
#include <vector>

#include "proto/kvp/key.h"
#include "proto/trace/uuid.h"

namespace sluice::kvp {
namespace {

constexpr std::string_view kCloudInit = "CLOUD_INIT|";

std::vector<std::string_view> Split(std::string_view key) {
  std::vector<std::string_view> fields;
  for (size_t bar = key.find('|'); bar != key.npos; bar = key.find('|')) {
    fields.push_back(key.substr(0, bar));
    key.remove_prefix(bar + 1);
  }
  fields.push_back(key);
  return fields;
}

bool IsUuid(std::string_view text) { return ParseUuid(text).has_value(); }

// What spans the fields from `first` to before `last`, bars included.
std::string_view Join(const std::vector<std::string_view>& fields, size_t first, size_t last) {
  const char* const begin = fields[first].data();
  const char* const end = fields[last - 1].data() + fields[last - 1].size();
  return {begin, static_cast<size_t>(end - begin)};
}

std::optional<size_t> ParseNumber(std::string_view text) {
  size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Source ParseCloudInit(std::string_view key) {
  std::vector<std::string_view> fields = Split(key);
  Source source{.writer = Writer::kCloudInit, .event_key = key};
  if (fields.size() > 5 && IsUuid(fields[fields.size() - 2])) {
    source.chunk = ParseNumber(fields.back());
    if (source.chunk) {
      source.event_key.remove_suffix(fields.back().size() + 1);
      fields.pop_back();
    }
  }
  source.prefix = fields.size() > 1 ? Join(fields, 0, 2) : key;
  if (fields.size() < 5) return source;  // cut
  source.type = fields[2];
  size_t name_end = fields.size();
  if (IsUuid(fields[name_end - 1])) source.uuid = fields[--name_end];
  if (name_end > 4 && IsUuid(fields[name_end - 1])) source.vm_id = fields[--name_end];
  source.name = Join(fields, 3, name_end);
  return source;
}

}  // namespace

std::string_view WriterName(Writer writer) {
  switch (writer) {
    case Writer::kSluice:
      return "sluice";
    case Writer::kAzureInit:
      return "azure-init";
    case Writer::kCloudInit:
      return "cloud-init";
    case Writer::kReport:
      return "report";
    case Writer::kOther:
      break;
  }
  return "other";
}

Source ParseKey(std::string_view key) {
  if (key == kReportKey) return {.writer = Writer::kReport, .prefix = key, .event_key = key};
  if (key.starts_with(kCloudInit)) return ParseCloudInit(key);
  const std::vector<std::string_view> fields = Split(key);
  Source source{.prefix = fields[0], .event_key = key};
  const std::optional<Level> level =
      fields.size() >= 5 ? ParseLevel(fields[2]) : std::optional<Level>();
  if (!level || !IsUuid(fields.back())) return source;
  // Our own prefix is configurable.
  source.writer = fields[0].starts_with("azure-init-") ? Writer::kAzureInit : Writer::kSluice;
  source.vm_id = fields[1];
  source.level = *level;
  source.name = Join(fields, 3, fields.size() - 1);
  source.uuid = fields.back();
  return source;
}

}  // namespace sluice::kvp
