#include "client/cli/emit/attribute.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "proto/record/limits.h"
#include "proto/record/names.h"

namespace sluice::cli {
namespace {

template <typename Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number number{};
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Failure BadAttribute(std::string_view text, const std::string& why) {
  return {kExitUsage, "'" + std::string(text) + "': " + why};
}

template <typename Value>
Result<Attribute> Typed(std::string_view text, std::string_view key, std::optional<Value> value,
                        const char* what) {
  if (!value) return BadAttribute(text, std::string("the value is not ") + what);
  return Attribute{std::string(key), *value};
}

std::optional<bool> ParseBool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

}  // namespace

Result<Attribute> ParseAttribute(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    return BadAttribute(text, "write KEY=VALUE or KEY:int=5");
  }
  std::string_view key = text.substr(0, equals);
  const std::string_view value = text.substr(equals + 1);
  std::string_view type = "string";
  if (const size_t colon = key.rfind(':'); colon != std::string_view::npos) {
    type = key.substr(colon + 1);
    key = key.substr(0, colon);
  }
  if (key.empty()) return BadAttribute(text, "the key is empty");
  if (key.starts_with(kReservedPrefix)) {
    return BadAttribute(text, "keys that begin with 'sluice.' are the agent's own");
  }
  if (type == "string") return Attribute{std::string(key), std::string(value)};
  if (type == "int") {
    return Typed(text, key, ParseNumber<int64_t>(value), "a whole number of 64 bits");
  }
  if (type == "double") return Typed(text, key, ParseNumber<double>(value), "a number");
  if (type == "bool") return Typed(text, key, ParseBool(value), "true or false");
  return BadAttribute(text, "unknown type '" + std::string(type) +
                                "'; use string, int, double or bool (a key with a colon: "
                                "'a:b:string=...')");
}

Result<std::vector<Attribute>> ParseAttributes(std::string_view flag,
                                               const std::vector<std::string>& texts) {
  std::vector<Attribute> attributes;
  for (const std::string& text : texts) {
    Result<Attribute> parsed = ParseAttribute(text);
    if (!parsed.ok()) {
      return Failure{kExitUsage, std::string(flag) + " " + parsed.failure().message};
    }
    const auto same = std::find_if(attributes.begin(), attributes.end(),
                                   [&](const Attribute& a) { return a.key == parsed->key; });
    if (same != attributes.end()) {
      same->value = std::move(parsed->value);
    } else {
      attributes.push_back(std::move(*parsed));
    }
  }
  if (attributes.size() > limits::kAttributes) {
    return Failure{kExitUsage, "more than " + std::to_string(limits::kAttributes) + " attributes"};
  }
  return attributes;
}

}  // namespace sluice::cli
