#include "client/cli/kvp/text_input.h"

#include <algorithm>

namespace sluice::cli {
namespace {

bool IsQuote(char c) { return c == '\'' || c == '"'; }

Failure Complain(std::string_view text, const char* what) {
  return {kExitUsage, "supporting data '" + std::string(text) + "' " + what};
}

// Where the field ends that begins at `begin`: at its comma, or at the end. npos: the quote around
// its value is not closed.
size_t EndOfField(std::string_view text, size_t begin) {
  const size_t value = text.find_first_of("=,", begin);
  if (value == text.npos) return text.size();
  if (text[value] == ',') return value;
  if (value + 1 == text.size() || !IsQuote(text[value + 1])) {
    return std::min(text.find(',', value), text.size());
  }
  const size_t closing = text.find(text[value + 1], value + 2);
  return closing == text.npos ? text.npos : closing + 1;
}

Result<kvp::KeyValue> ParseField(std::string_view field) {
  const size_t equals = field.find('=');
  if (equals == field.npos) return Complain(field, "must be in key=value format");
  if (equals == 0) return Complain(field, "has an empty key");
  std::string_view value = field.substr(equals + 1);
  if (value.size() >= 2 && IsQuote(value.front()) && value.front() == value.back()) {
    value = value.substr(1, value.size() - 2);
  }
  return kvp::KeyValue{std::string(field.substr(0, equals)), std::string(value)};
}

}  // namespace

Result<std::vector<kvp::KeyValue>> ParseRecordLines(std::string_view text) {
  std::vector<kvp::KeyValue> records;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const size_t equals = line.find('=');
    if (equals == line.npos) {
      return Failure{kExitUsage, "line " + std::to_string(number) + " must be in key=value format"};
    }
    records.push_back({std::string(line.substr(0, equals)), std::string(line.substr(equals + 1))});
  }
  return records;
}

Result<std::vector<kvp::KeyValue>> ParseSupportingData(std::string_view text) {
  std::vector<kvp::KeyValue> fields;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = EndOfField(text, begin);
    if (end == text.npos) return Complain(text, "has an unterminated quote");
    if (end < text.size() && text[end] != ',') {
      return Complain(text, "has unexpected characters after a quoted value");
    }
    if (end > begin) {
      Result<kvp::KeyValue> field = ParseField(text.substr(begin, end - begin));
      if (!field.ok()) return field.failure();
      fields.push_back(std::move(*field));
    }
    begin = end + 1;
  }
  return fields;
}

}  // namespace sluice::cli
