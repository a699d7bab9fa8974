#include "proto/trace/resource_attributes.h"

#include <algorithm>
#include <optional>

#include "proto/trace/header_text.h"
#include "proto/trace/ids.h"
#include "proto/wire/utf8.h"

namespace sluice {
namespace {

// nullopt: a `%` begins no two hexadecimal digits, or the result is no UTF-8.
std::optional<std::string> Decode(std::string_view encoded) {
  std::string text;
  while (!encoded.empty()) {
    if (encoded.front() != '%') {
      text += encoded.front();
      encoded.remove_prefix(1);
      continue;
    }
    const auto byte = Id<1>::FromHex(encoded.substr(1, 2));
    if (!byte) return std::nullopt;
    text += static_cast<char>(byte->bytes[0]);
    encoded.remove_prefix(3);
  }
  std::string valid;
  AppendValidUtf8(text, &valid);
  if (valid != text) return std::nullopt;
  return text;
}

ResourceAttributes Error(std::string_view member, std::string_view why) {
  ResourceAttributes none;
  none.error.append("'").append(member).append("' ").append(why);
  return none;
}

}  // namespace

ResourceAttributes ParseResourceAttributes(std::string_view text) {
  ResourceAttributes attributes;
  while (!text.empty()) {
    const std::string_view member = TakeMember(&text, ',');
    if (member.empty()) continue;
    const size_t equals = member.find('=');
    if (equals == std::string_view::npos) return Error(member, "has no '='");
    const auto key = Decode(TrimBlanks(member.substr(0, equals)));
    const auto value = Decode(TrimBlanks(member.substr(equals + 1)));
    if (!key || !value) return Error(member, "is not percent-encoded UTF-8");
    if (key->empty()) return Error(member, "has no key");
    std::erase_if(attributes.pairs, [&](const auto& pair) { return pair.first == *key; });
    attributes.pairs.emplace_back(*key, *value);
  }
  return attributes;
}

}  // namespace sluice
