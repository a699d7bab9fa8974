#include "proto/trace/baggage.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "proto/trace/header_text.h"
#include "proto/trace/ids.h"
#include "proto/wire/utf8.h"

namespace sluice {
namespace {

bool IsTokenCharacter(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         kMarks.find(c) != std::string_view::npos;
}

// Printable ASCII but blank, `"`, `,`, `;` and `\`.
bool IsBaggageOctet(char c) {
  return c > ' ' && c <= '~' && c != '"' && c != ',' && c != ';' && c != '\\';
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenCharacter);
}

bool IsEncodedValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(), IsBaggageOctet);
}

// The byte that `%XX` at the beginning of `text` stands for.
std::optional<char> DecodePercent(std::string_view text) {
  if (text.size() < 3 || text.front() != '%') return std::nullopt;
  const auto byte = Id<1>::FromHex(text.substr(1, 2));
  if (!byte) return std::nullopt;
  return static_cast<char>(byte->bytes[0]);
}

std::string DecodeValue(std::string_view encoded) {
  std::string raw;
  while (!encoded.empty()) {
    const std::optional<char> byte = DecodePercent(encoded);
    raw += byte.value_or(encoded.front());
    encoded.remove_prefix(byte ? 3 : 1);
  }
  std::string value;
  AppendValidUtf8(raw, &value);
  return value;
}

std::string EncodeValue(std::string_view value) {
  std::string valid;
  AppendValidUtf8(value, &valid);
  std::string encoded;
  for (const char c : valid) {
    if (IsBaggageOctet(c) && c != '%') {
      encoded += c;
    } else {
      constexpr std::string_view kDigits = "0123456789ABCDEF";
      const auto byte = static_cast<uint8_t>(c);
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return encoded;
}

// `key` or `key=value`, both as they travel.
struct Assignment {
  std::string_view key;
  std::optional<std::string_view> value;
};
std::optional<Assignment> ParseAssignment(std::string_view text) {
  Assignment assignment;
  const bool has_value = text.find('=') != std::string_view::npos;
  assignment.key = TakeMember(&text, '=');
  if (has_value) assignment.value = TrimBlanks(text);
  if (!IsToken(assignment.key) || !IsEncodedValue(assignment.value.value_or(""))) {
    return std::nullopt;
  }
  return assignment;
}

// Without blanks; malformed ones left out.
std::string ParseProperties(std::string_view text) {
  std::string properties;
  while (!text.empty()) {
    const auto property = ParseAssignment(TakeMember(&text, ';'));
    if (!property) continue;
    if (!properties.empty()) properties += ';';
    properties += property->key;
    if (property->value) (properties += '=') += *property->value;
  }
  return properties;
}

std::optional<BaggageMember> ParseMember(std::string_view text) {
  const auto assignment = ParseAssignment(TakeMember(&text, ';'));
  if (!assignment || !assignment->value) return std::nullopt;
  return BaggageMember{std::string(assignment->key), DecodeValue(*assignment->value),
                       ParseProperties(text)};
}

bool Matches(std::string_view pattern, std::string_view key) {
  return pattern.ends_with('*') ? key.starts_with(pattern.substr(0, pattern.size() - 1))
                                : key == pattern;
}

// Empty where the member cannot travel.
std::string FormatMember(const BaggageMember& member) {
  if (!IsToken(member.key) || ParseProperties(member.properties) != member.properties) return {};
  std::string text = member.key + '=' + EncodeValue(member.value);
  if (!member.properties.empty()) (text += ';') += member.properties;
  return text;
}

}  // namespace

std::vector<BaggageMember> ParseBaggage(std::string_view header) {
  std::vector<BaggageMember> members;
  size_t size = 0;
  while (!header.empty() && members.size() < kBaggageMembers) {
    const std::string_view text = TakeMember(&header, ',');
    const std::optional<BaggageMember> member = ParseMember(text);
    if (!member) continue;
    size += text.size() + 1;
    if (size > kBaggageBytes + 1) break;
    members.push_back(*member);
  }
  return members;
}

std::string FormatBaggage(const std::vector<BaggageMember>& members) {
  std::string header;
  size_t count = 0;
  for (const BaggageMember& member : members) {
    const std::string text = FormatMember(member);
    if (text.empty()) continue;
    const size_t separator = header.empty() ? 0 : 1;
    if (++count > kBaggageMembers || header.size() + separator + text.size() > kBaggageBytes) break;
    header.append(separator, ',').append(text);
  }
  return header;
}

std::vector<BaggageMember> SelectBaggage(const std::vector<BaggageMember>& members,
                                         std::string_view keys) {
  std::vector<BaggageMember> selected;
  std::vector<bool> is_taken(members.size(), false);
  while (!keys.empty()) {
    const std::string_view pattern = TakeMember(&keys, ',');
    for (size_t i = 0; i < members.size(); ++i) {
      if (pattern.empty() || is_taken[i] || !Matches(pattern, members[i].key)) continue;
      is_taken[i] = true;
      selected.push_back(members[i]);
    }
  }
  return selected;
}

}  // namespace sluice
