#include "client/cli/render/value.h"

#include <sstream>

#include "client/cli/render/text.h"

namespace sluice::cli {
namespace {

using otlp::v1::AnyValue;

std::string FormatValue(const AnyValue& value);

std::string FormatArray(const AnyValue& value) {
  std::string out = "[";
  for (const AnyValue& element : value.array_value().values()) {
    if (out.size() > 1) out += ", ";
    out += FormatValue(element);
  }
  return out + ']';
}

std::string FormatMap(const AnyValue& value) {
  std::string members = FormatAttributes(value.kvlist_value().values());
  if (!members.empty()) members.erase(0, 1);
  return '{' + members + '}';
}

std::string FormatValue(const AnyValue& value) {
  switch (value.value_case()) {
    case AnyValue::kStringValue:
      return QuoteIfNeeded(value.string_value());
    case AnyValue::kBoolValue:
      return value.bool_value() ? "true" : "false";
    case AnyValue::kIntValue:
      return std::to_string(value.int_value());
    case AnyValue::kDoubleValue: {
      std::ostringstream out;
      out << value.double_value();
      return out.str();
    }
    case AnyValue::kBytesValue:
      return "0x" + ToHex(value.bytes_value());
    case AnyValue::kArrayValue:
      return FormatArray(value);
    case AnyValue::kKvlistValue:
      return FormatMap(value);
    case AnyValue::VALUE_NOT_SET:
      break;
  }
  return "null";
}

void WriteValue(const AnyValue& value, JsonWriter* json) {
  switch (value.value_case()) {
    case AnyValue::kStringValue:
      return json->String(value.string_value());
    case AnyValue::kBoolValue:
      return json->Bool(value.bool_value());
    case AnyValue::kIntValue:
      return json->Int(value.int_value());
    case AnyValue::kDoubleValue:
      return json->Double(value.double_value());
    case AnyValue::kBytesValue:
      return json->String(ToHex(value.bytes_value()));
    case AnyValue::kArrayValue:
      json->BeginArray();
      for (const AnyValue& element : value.array_value().values()) WriteValue(element, json);
      return json->EndArray();
    case AnyValue::kKvlistValue:
      return WriteAttributes(value.kvlist_value().values(), json);
    case AnyValue::VALUE_NOT_SET:
      return json->Null();
  }
}

}  // namespace

std::string ToHex(const std::string& bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const char c : bytes) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

std::string FormatAttributes(const Attributes& attributes) {
  std::string out;
  for (const auto& attribute : attributes) {
    out += ' ' + EscapeControls(attribute.key()) + '=' + FormatValue(attribute.value());
  }
  return out;
}

void WriteAttributes(const Attributes& attributes, JsonWriter* json) {
  json->BeginObject();
  for (const auto& attribute : attributes) {
    json->Key(attribute.key());
    WriteValue(attribute.value(), json);
  }
  json->EndObject();
}

}  // namespace sluice::cli
