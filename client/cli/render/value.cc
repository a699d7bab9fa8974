#include "client/cli/render/value.h"

#include <sstream>

#include "client/cli/render/text.h"

namespace sluice::cli {
namespace {

// No agent takes values that nest as deep. What does is not told, for it might exhaust the stack.
constexpr int kMostNesting = 100;

FieldRange ElementsOf(const ValueView& array) { return {array.text, array_value_field::kValues}; }
FieldRange MembersOf(const ValueView& map) { return {map.text, key_value_list_field::kValues}; }

std::string FormatValue(const ValueView& value, int nesting);

std::string FormatArray(const ValueView& array, int nesting) {
  std::string out = "[";
  for (const std::string_view element : ElementsOf(array)) {
    if (out.size() > 1) out += ", ";
    out += FormatValue(ReadValue(element), nesting);
  }
  return out + ']';
}

std::string FormatMembers(const FieldRange& members, int nesting) {
  std::string out;
  for (const std::string_view encoded : members) {
    const AttributeView member = ReadAttribute(encoded);
    out += ' ' + EscapeControls(member.key) + '=' + FormatValue(member.value, nesting);
  }
  return out;
}

std::string FormatMap(const ValueView& map, int nesting) {
  std::string members = FormatMembers(MembersOf(map), nesting);
  if (!members.empty()) members.erase(0, 1);
  return '{' + members + '}';
}

std::string FormatDouble(double number) {
  std::ostringstream out;
  out << number;
  return out.str();
}

std::string FormatValue(const ValueView& value, int nesting) {
  using Type = ValueView::Type;
  if (nesting == kMostNesting) return "...";
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
      return FormatArray(value, nesting + 1);
    case Type::kMap:
      return FormatMap(value, nesting + 1);
    case Type::kEmpty:
      break;
  }
  return "null";
}

void WriteMembers(const FieldRange& members, JsonWriter* json, int nesting);

void WriteValue(const ValueView& value, JsonWriter* json, int nesting) {
  using Type = ValueView::Type;
  if (nesting == kMostNesting) return json->String("...");
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
      for (const std::string_view element : ElementsOf(value)) {
        WriteValue(ReadValue(element), json, nesting + 1);
      }
      return json->EndArray();
    case Type::kMap:
      return WriteMembers(MembersOf(value), json, nesting + 1);
    case Type::kEmpty:
      return json->Null();
  }
}

void WriteMembers(const FieldRange& members, JsonWriter* json, int nesting) {
  json->BeginObject();
  for (const std::string_view encoded : members) {
    const AttributeView member = ReadAttribute(encoded);
    json->Key(member.key);
    WriteValue(member.value, json, nesting);
  }
  json->EndObject();
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
  return FormatMembers(attributes, /*nesting=*/0);
}

void WriteAttributes(const FieldRange& attributes, JsonWriter* json) {
  WriteMembers(attributes, json, /*nesting=*/0);
}

}  // namespace sluice::cli
