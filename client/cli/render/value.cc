#include "client/cli/render/value.h"

#include <sstream>

#include "client/cli/render/text.h"

namespace sluice::cli {
namespace {

std::string FormatValue(const ValueView& value);

FieldRange Elements(const ValueView& array) { return {array.text, array_value_field::kValues}; }
FieldRange Members(const ValueView& map) { return {map.text, key_value_list_field::kValues}; }

std::string FormatArray(const ValueView& array) {
  std::string out = "[";
  for (const std::string_view element : Elements(array)) {
    if (out.size() > 1) out += ", ";
    out += FormatValue(ReadValue(element));
  }
  return out + ']';
}

std::string FormatMap(const ValueView& map) {
  std::string members = FormatAttributes(Members(map));
  if (!members.empty()) members.erase(0, 1);
  return '{' + members + '}';
}

std::string FormatDouble(double number) {
  std::ostringstream out;
  out << number;
  return out.str();
}

std::string FormatValue(const ValueView& value) {
  using Type = ValueView::Type;
  switch (value.type) {
    case Type::kString:
      return QuoteIfNeeded(value.text);
    case Type::kBool:
      return value.bool_value ? "true" : "false";
    case Type::kInt:
      return std::to_string(value.int_value);
    case Type::kDouble:
      return FormatDouble(value.double_value);
    case Type::kBytes:
      return "0x" + ToHex(value.text);
    case Type::kArray:
      return FormatArray(value);
    case Type::kMap:
      return FormatMap(value);
    case Type::kEmpty:
      break;
  }
  return "null";
}

void WriteValue(const ValueView& value, JsonWriter* json) {
  using Type = ValueView::Type;
  switch (value.type) {
    case Type::kString:
      return json->String(value.text);
    case Type::kBool:
      return json->Bool(value.bool_value);
    case Type::kInt:
      return json->Int(value.int_value);
    case Type::kDouble:
      return json->Double(value.double_value);
    case Type::kBytes:
      return json->String(ToHex(value.text));
    case Type::kArray:
      json->BeginArray();
      for (const std::string_view element : Elements(value)) WriteValue(ReadValue(element), json);
      return json->EndArray();
    case Type::kMap:
      return WriteAttributes(Members(value), json);
    case Type::kEmpty:
      return json->Null();
  }
}

}  // namespace

std::string ToHex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const char c : bytes) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

std::string FormatAttributes(const FieldRange& attributes) {
  std::string out;
  for (const std::string_view encoded : attributes) {
    const AttributeView attribute = ReadAttribute(encoded);
    out += ' ' + EscapeControls(attribute.key) + '=' + FormatValue(attribute.value);
  }
  return out;
}

void WriteAttributes(const FieldRange& attributes, JsonWriter* json) {
  json->BeginObject();
  for (const std::string_view encoded : attributes) {
    const AttributeView attribute = ReadAttribute(encoded);
    json->Key(attribute.key);
    WriteValue(attribute.value, json);
  }
  json->EndObject();
}

}  // namespace sluice::cli
