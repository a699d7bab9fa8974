#include "proto/text/message_text.h"

#include <charconv>
#include <cstdint>

#include "proto/record/field_numbers.h"
#include "proto/record/limits.h"
#include "proto/text/rust_debug.h"

namespace sluice {
namespace {

void AppendInt(int64_t value, std::string* out) {
  char digits[24];
  out->append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
}

// As tracing prints a byte slice: `[01 ff]`.
void AppendBytes(std::string_view bytes, std::string* out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out->push_back('[');
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0) out->push_back(' ');
    const auto byte = static_cast<uint8_t>(bytes[i]);
    out->append({kDigits[byte >> 4], kDigits[byte & 15]});
  }
  out->push_back(']');
}

void AppendNested(const ValueView& value, int depth, std::string* out);

void AppendArray(std::string_view encoded, int depth, std::string* out) {
  out->push_back('[');
  const char* separator = "";
  for (const std::string_view element : FieldRange(encoded, array_value_field::kValues)) {
    out->append(separator);
    AppendNested(ReadValue(element), depth, out);
    separator = ", ";
  }
  out->push_back(']');
}

void AppendMap(std::string_view encoded, int depth, std::string* out) {
  out->push_back('{');
  const char* separator = "";
  for (const std::string_view pair : FieldRange(encoded, key_value_list_field::kValues)) {
    const AttributeView entry = ReadAttribute(pair);
    out->append(separator);
    AppendRustDebug(entry.key, out);
    out->append(": ");
    AppendNested(entry.value, depth, out);
    separator = ", ";
  }
  out->push_back('}');
}

// Deeper than limits::kValueDepth prints as empty: the text is that of a checked record, or
// harmless.
void AppendNested(const ValueView& value, int depth, std::string* out) {
  switch (value.type) {
    case ValueView::Type::kEmpty:
      out->append("null");
      break;
    case ValueView::Type::kString:
      AppendRustDebug(value.text, out);
      break;
    case ValueView::Type::kBool:
      out->append(value.bool_value ? "true" : "false");
      break;
    case ValueView::Type::kInt:
      AppendInt(value.int_value, out);
      break;
    case ValueView::Type::kDouble:
      AppendRustDebug(value.double_value, out);
      break;
    case ValueView::Type::kBytes:
      AppendBytes(value.text, out);
      break;
    case ValueView::Type::kArray:
      AppendArray(depth > 0 ? value.text : std::string_view(), depth - 1, out);
      break;
    case ValueView::Type::kMap:
      AppendMap(depth > 0 ? value.text : std::string_view(), depth - 1, out);
      break;
  }
}

}  // namespace

void AppendValueText(const ValueView& value, bool bare, std::string* out) {
  if (bare && value.type == ValueView::Type::kString) {
    out->append(value.text);
  } else {
    AppendNested(value, limits::kValueDepth, out);
  }
}

std::string MessageText(const RecordView& record) {
  std::string text;
  if (record.event.message.type != ValueView::Type::kEmpty) {
    text += "message=";
    AppendValueText(record.event.message, /*bare=*/true, &text);
  }
  uint32_t index = 0;
  for (const std::string_view encoded : record.event.attributes()) {
    const AttributeView attribute = ReadAttribute(encoded);
    if (!text.empty()) text += ", ";
    text.append(attribute.key).push_back('=');
    AppendValueText(attribute.value, record.bare.Has(index++), &text);
  }
  return text;
}

}  // namespace sluice
