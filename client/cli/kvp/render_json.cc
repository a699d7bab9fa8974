#include "client/cli/kvp/render_json.h"

#include <optional>
#include <string_view>

#include "client/cli/render/json_writer.h"
#include "client/cli/render/text.h"
#include "proto/kvp/slot.h"

namespace sluice::cli {
namespace {

void Member(std::string_view key, std::string_view text, JsonWriter* json) {
  json->Key(key);
  json->String(text);
}

void Member(std::string_view key, size_t number, JsonWriter* json) {
  json->Key(key);
  json->Uint(number);
}

void Member(std::string_view key, bool value, JsonWriter* json) {
  json->Key(key);
  json->Bool(value);
}

void MemberUnlessEmpty(std::string_view key, std::string_view text, JsonWriter* json) {
  if (!text.empty()) Member(key, text, json);
}

// Nanoseconds since the epoch exceed what a double holds.
void TimeMember(std::string_view key, std::optional<uint64_t> time, JsonWriter* json) {
  json->Key(key);
  if (time) {
    json->String(std::to_string(*time));
  } else {
    json->Null();
  }
}

std::string_view KindName(kvp::ItemKind kind) {
  switch (kind) {
    case kvp::ItemKind::kEvent:
      return "event";
    case kvp::ItemKind::kSpan:
      return "span";
    case kvp::ItemKind::kReport:
      return "report";
    case kvp::ItemKind::kOther:
      break;
  }
  return "other";
}

void WriteItem(const kvp::Item& item, JsonWriter* json) {
  json->BeginObject();
  Member("kind", KindName(item.kind), json);
  Member("writer", kvp::WriterName(item.writer), json);
  Member("key", item.key, json);
  MemberUnlessEmpty("source", item.source, json);
  MemberUnlessEmpty("vm_id", item.vm_id, json);
  MemberUnlessEmpty("level", LevelName(item.level), json);
  MemberUnlessEmpty("type", item.type, json);
  MemberUnlessEmpty("name", item.name, json);
  Member("text", item.text, json);
  MemberUnlessEmpty("start_text", item.start_text, json);
  MemberUnlessEmpty("result", item.result, json);
  if (item.failed) Member("status", std::string_view("error"), json);
  MemberUnlessEmpty("error", item.error, json);
  MemberUnlessEmpty("aborted", item.aborted, json);
  TimeMember("begin_unix_nano", item.begin, json);
  TimeMember("end_unix_nano", item.end, json);
  Member("incomplete", item.incomplete, json);
  json->Key("records");
  json->BeginArray();
  for (const size_t record : item.records) json->Uint(record);
  json->EndArray();
  json->EndObject();
}

}  // namespace

// As libazureinit-kvp writes them: scripts may look for the text.
std::string RenderInfoJson(const PoolInfo& info) {
  JsonWriter json(JsonWriter::Layout::kCompact);
  json.BeginObject();
  Member("empty", info.records == 0, &json);
  Member("max_key_size", info.unsafe ? kvp::kKeyBytes : kvp::kSafeKeyBytes, &json);
  Member("max_value_size", info.unsafe ? kvp::kValueBytes : kvp::kSafeValueBytes, &json);
  Member("mode", std::string_view(info.unsafe ? "unsafe" : "safe"), &json);
  Member("path", info.path, &json);
  Member("pool", info.pool, &json);
  Member("records", info.records, &json);
  Member("stale", info.stale, &json);
  json.EndObject();
  return json.Finish();
}

std::string RenderDumpJson(const kvp::PoolImage& image) {
  JsonWriter json(JsonWriter::Layout::kCompact);
  json.BeginArray();
  for (size_t i = 0; i < image.size(); ++i) {
    const kvp::Pair record = image.record(i);
    json.BeginObject();
    Member("key", record.key, &json);
    Member("value", record.value, &json);
    json.EndObject();
  }
  json.EndArray();
  return json.Finish();
}

std::string RenderEntriesJson(const kvp::PoolImage& image) {
  JsonWriter json(JsonWriter::Layout::kCompact);
  json.BeginObject();
  for (const auto& [key, value] : LastValues(image)) Member(key, value, &json);
  json.EndObject();
  return json.Finish();
}

std::string RenderDecodedJson(const std::vector<kvp::Item>& items) {
  JsonWriter json;
  json.BeginArray();
  for (const kvp::Item& item : items) WriteItem(item, &json);
  json.EndArray();
  return json.Finish();
}

std::string RenderUsageJson(const kvp::PoolUsage& usage) {
  JsonWriter json;
  json.BeginObject();
  Member("records", usage.records, &json);
  Member("aim", usage.aim, &json);
  Member("file_bytes", usage.file_bytes, &json);
  Member("torn_bytes", usage.torn_bytes, &json);
  Member("shifted", usage.shifted, &json);
  json.Key("writers");
  json.BeginArray();
  for (const kvp::PoolUsage::Share& share : usage.shares) {
    json.BeginObject();
    Member("writer", kvp::WriterName(share.writer), &json);
    Member("source", share.source, &json);
    Member("records", share.records, &json);
    Member("text_bytes", share.text_bytes, &json);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return json.Finish();
}

std::string RenderFindingsJson(const std::vector<kvp::Finding>& findings,
                               const kvp::PoolImage& image) {
  JsonWriter json;
  json.BeginArray();
  for (const kvp::Finding& finding : findings) {
    json.BeginObject();
    Member("harm", kvp::HarmName(finding.harm), &json);
    if (finding.record) {
      Member("record", *finding.record, &json);
      Member("key", image.record(*finding.record).key, &json);
    }
    Member("what", finding.what, &json);
    json.EndObject();
  }
  json.EndArray();
  return json.Finish();
}

}  // namespace sluice::cli
