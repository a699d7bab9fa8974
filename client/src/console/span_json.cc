#include "client/src/console/span_json.h"

#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include "proto/record/field_numbers.h"
#include "proto/wire/reader.h"
#include "proto/wire/utf8.h"

namespace sluice {
namespace {

// As deep as admission takes them.
constexpr int kDepth = limits::kValueDepth;

void AppendString(std::string_view text, std::string* json) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string valid;
  AppendValidUtf8(text, &valid);
  *json += '"';
  for (const char c : valid) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      (*json += '\\') += c;
    } else if (byte < 0x20) {
      (*json += "\\u00") += {kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      *json += c;
    }
  }
  *json += '"';
}

// Commas between members.
class Members {
 public:
  Members(char open, char close, std::string* json) : close_(close), json_(json) { *json_ += open; }
  ~Members() { *json_ += close_; }
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;

  std::string* Next() {
    if (std::exchange(is_first_, false)) return json_;
    *json_ += ',';
    return json_;
  }
  std::string* Next(std::string_view key) {
    Next();
    AppendString(key, json_);
    *json_ += ':';
    return json_;
  }
  void String(std::string_view key, std::string_view text) { AppendString(text, Next(key)); }
  void Number(std::string_view key, uint64_t number) { *Next(key) += std::to_string(number); }

 private:
  const char close_;
  std::string* const json_;
  bool is_first_ = true;
};

void AppendDouble(double number, std::string* json) {
  if (std::isnan(number)) return AppendString("NaN", json);
  if (std::isinf(number)) return AppendString(number > 0 ? "Infinity" : "-Infinity", json);
  char text[32];
  json->append(text, std::to_chars(text, text + sizeof(text), number).ptr);
}

void AppendBase64(std::string_view bytes, std::string* json) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  *json += '"';
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<uint8_t>(bytes[i + k]) : 0u);
    }
    for (size_t k = 0; k < 4; ++k) {
      *json += i + k <= bytes.size() ? kDigits[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  *json += '"';
}

void AppendValue(const ValueView& value, int depth, std::string* json);

void AppendAttribute(const AttributeView& attribute, int depth, std::string* json) {
  Members object('{', '}', json);
  object.String("key", attribute.key);
  AppendValue(attribute.value, depth, object.Next("value"));
}

void AppendList(const ValueView& value, int depth, std::string* json) {
  Members object('{', '}', json);
  Members values('[', ']', object.Next("values"));
  if (depth == kDepth) return;
  const bool is_map = value.type == ValueView::Type::kMap;
  for (const std::string_view encoded : FieldRange(
           value.text, is_map ? key_value_list_field::kValues : array_value_field::kValues)) {
    if (is_map) {
      AppendAttribute(ReadAttribute(encoded), depth + 1, values.Next());
    } else {
      AppendValue(ReadValue(encoded), depth + 1, values.Next());
    }
  }
}

void AppendValue(const ValueView& value, int depth, std::string* json) {
  Members object('{', '}', json);
  switch (value.type) {
    case ValueView::Type::kEmpty:
      return;
    case ValueView::Type::kString:
      return object.String("stringValue", value.text);
    case ValueView::Type::kBool:
      *object.Next("boolValue") += value.bool_value ? "true" : "false";
      return;
    case ValueView::Type::kInt:
      return object.String("intValue", std::to_string(value.int_value));
    case ValueView::Type::kDouble:
      return AppendDouble(value.double_value, object.Next("doubleValue"));
    case ValueView::Type::kBytes:
      return AppendBase64(value.text, object.Next("bytesValue"));
    case ValueView::Type::kArray:
      return AppendList(value, depth, object.Next("arrayValue"));
    case ValueView::Type::kMap:
      return AppendList(value, depth, object.Next("kvlistValue"));
  }
}

void AppendAttributes(FieldRange encoded, std::string* json) {
  std::vector<AttributeView> attributes;
  for (const std::string_view one : encoded) {
    const AttributeView attribute = ReadAttribute(one);
    AttributeView* same = nullptr;
    for (AttributeView& before : attributes) {
      if (before.key == attribute.key) same = &before;
    }
    if (same == nullptr) {
      attributes.push_back(attribute);
    } else {
      *same = attribute;
    }
  }
  Members array('[', ']', json);
  for (const AttributeView& attribute : attributes) AppendAttribute(attribute, 0, array.Next());
}

std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += {kDigits[static_cast<uint8_t>(c) >> 4], kDigits[static_cast<uint8_t>(c) & 15]};
  }
  return hex;
}

void AppendLink(std::string_view encoded, std::string* json) {
  Members object('{', '}', json);
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.tag == WireTag(span_link_field::kTraceId, WireType::kBytes)) {
      object.String("traceId", Hex(field.bytes));
    } else if (field.tag == WireTag(span_link_field::kSpanId, WireType::kBytes)) {
      object.String("spanId", Hex(field.bytes));
    }
  }
  AppendAttributes(FieldRange(encoded, span_link_field::kAttributes), object.Next("attributes"));
}

void AppendSpan(const SpanView& span, const SpanId& parent, std::string* json) {
  Members object('{', '}', json);
  object.String("traceId", span.trace_id.ToHex());
  object.String("spanId", span.span_id.ToHex());
  if (!span.trace_state.empty()) object.String("traceState", span.trace_state);
  if (!parent.IsZero()) object.String("parentSpanId", parent.ToHex());
  object.String("name", span.name);
  object.Number("kind", span.kind);
  object.String("startTimeUnixNano", std::to_string(span.start_unix_nano));
  object.String("endTimeUnixNano", std::to_string(span.end_unix_nano));
  AppendAttributes(span.attributes(), object.Next("attributes"));
  if (span.links().begin() != span.links().end()) {
    Members links('[', ']', object.Next("links"));
    for (const std::string_view link : span.links()) AppendLink(link, links.Next());
  }
  Members status('{', '}', object.Next("status"));
  if (!span.status_message.empty()) status.String("message", span.status_message);
  if (span.status != StatusCode::kUnset) status.Number("code", static_cast<uint64_t>(span.status));
}

}  // namespace

std::string ResourceJson(std::string_view encoded) {
  std::string json = "{\"attributes\":";
  AppendAttributes(FieldRange(encoded, resource_field::kAttributes), &json);
  return json += '}';
}

std::string SpanJsonLine(const SpanView& span, const SpanId& parent, std::string_view target,
                         std::string_view resource_json) {
  std::string json = "{\"resourceSpans\":[{\"resource\":";
  json.append(resource_json).append(",\"scopeSpans\":[{\"scope\":{\"name\":");
  AppendString(target, &json);
  json += "},\"spans\":[";
  AppendSpan(span, parent, &json);
  return json += "]}]}]}\n";
}

}  // namespace sluice
