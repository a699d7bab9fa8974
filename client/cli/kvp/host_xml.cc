#include "client/cli/kvp/host_xml.h"

#include <charconv>
#include <string>
#include <utility>

#include "proto/kvp/slot.h"
#include "proto/wire/utf8.h"

namespace sluice::kvp {
namespace {

constexpr std::string_view kUtf16Mark = "\xff\xfe";
constexpr std::string_view kUtf8Mark = "\xef\xbb\xbf";
constexpr char32_t kHighSurrogate = 0xd800;
constexpr char32_t kLowSurrogate = 0xdc00;
constexpr char32_t kReplacement = 0xfffd;

// Little-endian; a surrogate without its other half becomes U+FFFD.
std::string FromUtf16(std::string_view text) {
  std::string out;
  const auto unit = [text](size_t at) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[at]) |
                                 static_cast<unsigned char>(text[at + 1]) << 8);
  };
  for (size_t at = 0; at + 1 < text.size(); at += 2) {
    const char32_t first = unit(at);
    if (first < kHighSurrogate || first > 0xdfff) {
      AppendCodePoint(first, &out);
      continue;
    }
    const char32_t second = at + 3 < text.size() ? unit(at + 2) : 0;
    if (first >= kLowSurrogate || second < kLowSurrogate || second > 0xdfff) {
      AppendCodePoint(kReplacement, &out);
      continue;
    }
    AppendCodePoint(0x10000 + ((first - kHighSurrogate) << 10) + (second - kLowSurrogate), &out);
    at += 2;
  }
  return out;
}

// What stands between the next `begin` and the `end` behind it; `*text` moves on behind that.
// nullopt: there is none.
std::optional<std::string_view> Between(std::string_view begin, std::string_view end,
                                        std::string_view* text) {
  const size_t from = text->find(begin);
  if (from == std::string_view::npos) return std::nullopt;
  const size_t to = text->find(end, from + begin.size());
  if (to == std::string_view::npos) return std::nullopt;
  const std::string_view found = text->substr(from + begin.size(), to - from - begin.size());
  text->remove_prefix(to + end.size());
  return found;
}

// `amp`, `#10`, `#xA`; 0: none of these.
char32_t CodePointOf(std::string_view entity) {
  static constexpr std::pair<std::string_view, char32_t> kNamed[] = {
      {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
  for (const auto& [name, code_point] : kNamed) {
    if (name == entity) return code_point;
  }
  if (!entity.starts_with('#')) return 0;
  entity.remove_prefix(1);
  const bool is_hex = entity.starts_with('x');
  if (is_hex) entity.remove_prefix(1);
  uint32_t number = 0;
  const char* const end = entity.data() + entity.size();
  const auto [parsed, error] = std::from_chars(entity.data(), end, number, is_hex ? 16 : 10);
  const bool is_character = number < kHighSurrogate || (number > 0xdfff && number <= 0x10ffff);
  return error == std::errc() && parsed == end && is_character ? number : 0;
}

// What is no entity stays as it is.
std::string Unescape(std::string_view text) {
  constexpr size_t kLongestEntity = 10;
  std::string out;
  while (!text.empty()) {
    const size_t ampersand = text.find('&');
    out.append(text.substr(0, ampersand));
    if (ampersand == std::string_view::npos) break;
    text.remove_prefix(ampersand);
    const size_t end = text.substr(0, kLongestEntity).find(';');
    const char32_t code_point =
        end == std::string_view::npos ? 0 : CodePointOf(text.substr(1, end - 1));
    if (code_point == 0) {
      out += '&';
      text.remove_prefix(1);
    } else {
      AppendCodePoint(code_point, &out);
      text.remove_prefix(end + 1);
    }
  }
  return out;
}

// The value of one property of an instance; empty: it has none.
std::string PropertyOf(std::string_view instance, std::string_view name) {
  while (const auto property = Between("<PROPERTY", "</PROPERTY>", &instance)) {
    std::string_view rest = *property;
    const auto own_name = Between("NAME=\"", "\"", &rest);
    if (own_name != name) continue;
    const auto value = Between("<VALUE>", "</VALUE>", &rest);
    return value ? Unescape(*value) : "";
  }
  return {};
}

}  // namespace

std::optional<PoolImage> ReadHostXml(std::string_view text) {
  std::string converted;
  if (text.starts_with(kUtf16Mark)) {
    converted = FromUtf16(text.substr(kUtf16Mark.size()));
    text = converted;
  } else if (text.starts_with(kUtf8Mark)) {
    text.remove_prefix(kUtf8Mark.size());
  }
  std::string records;
  bool has_items = false;
  while (const auto instance = Between("<INSTANCE", "</INSTANCE>", &text)) {
    has_items = true;
    const std::string key = PropertyOf(*instance, "Name");
    if (!key.empty()) {
      AppendRecords(key, PropertyOf(*instance, "Data"), Profile::kSafe, &records);
    }
  }
  if (!has_items) return std::nullopt;
  return PoolImage(std::move(records));
}

}  // namespace sluice::kvp
