#include "proto/kvp/cloud_init.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "proto/kvp/slot.h"
#include "proto/wire/utf8.h"

namespace sluice::kvp {
namespace {

constexpr std::string_view kFamily = "cloudinit.";
// Of a name in JSON, where escapes make it longer; the message must have room behind it.
constexpr size_t kNameBytes = 480;
constexpr size_t kWordBytes = 64;
constexpr size_t kChunkNumberBytes = 6;

void AppendUnit(unsigned unit, std::string* out) {
  *out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) *out += "0123456789abcdef"[unit >> shift & 15];
}

void AppendCharacter(char32_t character, std::string* out) {
  static constexpr std::string_view kMeanings = "\b\f\n\r\t\"\\";
  static constexpr std::string_view kLetters = "bfnrt\"\\";
  const size_t known =
      character < 0x80 ? kMeanings.find(static_cast<char>(character)) : kMeanings.npos;
  if (known != kMeanings.npos) {
    (*out += '\\') += kLetters[known];
  } else if (character >= 0x20 && character < 0x7F) {
    *out += static_cast<char>(character);
  } else if (character < 0x10000) {
    AppendUnit(character, out);
  } else {
    AppendUnit(0xD800 + ((character - 0x10000) >> 10), out);
    AppendUnit(0xDC00 + ((character - 0x10000) & 0x3FF), out);
  }
}

// As Python's json.dumps has it, without the quotes.
std::string Escaped(std::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    const Utf8Unit unit = DecodeUtf8(text);
    AppendCharacter(unit.valid ? unit.code_point : 0xFFFD, &escaped);
    text.remove_prefix(unit.size);
  }
  return escaped;
}

// The largest size <= `limit` that cuts no escape in two.
size_t EscapeBoundary(std::string_view escaped, size_t limit) {
  size_t size = 0;
  while (size < escaped.size()) {
    const size_t unit = escaped[size] != '\\' ? 1 : escaped.substr(size).starts_with("\\u") ? 6 : 2;
    if (size + unit > limit) break;
    size += unit;
  }
  return size;
}

std::string Escaped(std::string_view text, size_t limit) {
  std::string escaped = Escaped(text);
  escaped.resize(EscapeBoundary(escaped, limit));
  return escaped;
}

// As Python prints a float.
std::string FloatText(double number) {
  char text[400];
  const bool is_plain = number == 0 || (std::fabs(number) >= 1e-4 && std::fabs(number) < 1e16);
  const auto format = is_plain ? std::chars_format::fixed : std::chars_format::scientific;
  std::string printed(text, std::to_chars(text, text + sizeof(text), number, format).ptr);
  if (is_plain && printed.find('.') == printed.npos) printed += ".0";
  return printed;
}

void AppendMember(std::string_view name, const std::string& escaped, std::string* out) {
  ((((*out += '"') += name) += "\":\"") += escaped) += "\",";
}

// All members before the message, each with its comma.
std::string Members(const CloudInitReport& report) {
  std::string members = "{";
  AppendMember("name", Escaped(report.name, kNameBytes), &members);
  AppendMember("type", Escaped(report.type, kWordBytes), &members);
  AppendMember("ts", Escaped(report.time, kWordBytes), &members);
  if (!report.result.empty()) {
    AppendMember("result", Escaped(report.result, kWordBytes), &members);
  }
  if (report.duration && std::isfinite(*report.duration)) {
    ((members += "\"duration\":") += FloatText(*report.duration)) += ',';
  }
  return members;
}

std::string WithMessage(std::string members, std::string_view escaped) {
  return ((members += "\"msg\":\"") += escaped) += "\"}";
}

// Valid text without a `|`, of at most so many bytes.
std::string KeyPart(std::string_view part, size_t limit) {
  std::string safe = SafeText(part);
  safe.resize(Utf8Boundary(safe, limit));
  std::replace(safe.begin(), safe.end(), '|', '_');
  return safe;
}

std::string Key(const CloudInitReport& report, std::string_view prefix, std::string_view vm_id,
                std::string_view uuid) {
  std::string head = std::string(prefix) + '|' + KeyPart(report.type, kWordBytes) + '|';
  std::string tail;
  if (report.has_vm_id) (tail += '|') += KeyPart(vm_id, kWordBytes);
  (tail += '|') += uuid;
  const size_t room = kSafeKeyBytes - head.size() - tail.size() - kChunkNumberBytes;
  return head + KeyPart(report.name, room) + tail;
}

void Read(std::string_view key, const ValueView& value, CloudInitReport* report) {
  if (key == "type") report->type = value.text;
  if (key == "name") report->name = value.text;
  if (key == "time") report->time = value.text;
  if (key == "result") report->result = value.text;
  if (key == "incarnation") report->incarnation = value.int_value;
  if (key == "has_vm_id") report->has_vm_id = value.bool_value;
  if (key == "duration") report->duration = value.double_value;
}

}  // namespace

std::optional<CloudInitReport> FindCloudInitReport(const RecordView& record) {
  if (record.kind != RecordKind::kEvent) return std::nullopt;
  // Most events are told apart by one search, without looking at their attributes.
  if (record.event.body.find(kFamily) == std::string_view::npos) return std::nullopt;
  CloudInitReport report;
  if (record.event.message.type == ValueView::Type::kString) {
    report.message = record.event.message.text;
  }
  for (const std::string_view encoded : record.event.attributes()) {
    const AttributeView attribute = ReadAttribute(encoded);
    if (!attribute.key.starts_with(kFamily)) continue;
    Read(attribute.key.substr(kFamily.size()), attribute.value, &report);
  }
  if (report.type.empty() || report.time.empty()) return std::nullopt;
  return report;
}

std::string CloudInitPrefix(const CloudInitReport& report) {
  return "CLOUD_INIT|" + std::to_string(report.incarnation);
}

std::vector<KeyAndValue> CloudInitRecords(const CloudInitReport& report, std::string_view prefix,
                                          std::string_view vm_id, std::string_view uuid) {
  const std::string members = Members(report);
  const std::string escaped = Escaped(report.message);
  const std::string key = Key(report, prefix, vm_id, uuid);
  const std::string whole = WithMessage(members, escaped);
  if (whole.size() <= kSafeValueBytes) return {{key, whole}};
  std::vector<KeyAndValue> records;
  std::string_view rest = escaped;
  while (!rest.empty()) {
    const std::string number = std::to_string(records.size());
    const std::string numbered = members + "\"msg_i\":" + number + ',';
    const size_t room = kSafeValueBytes - WithMessage(numbered, "").size();
    const size_t size = EscapeBoundary(rest, room);
    records.push_back({key + '|' + number, WithMessage(numbered, rest.substr(0, size))});
    rest.remove_prefix(size);
  }
  return records;
}

}  // namespace sluice::kvp
