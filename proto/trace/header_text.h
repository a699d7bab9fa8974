// Members between separators and blanks around them, as in the lists of W3C headers.
#pragma once

#include <algorithm>
#include <string_view>

namespace sluice {

// Without the blanks at both ends.
inline std::string_view TrimBlanks(std::string_view text, std::string_view blanks = " \t") {
  const size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

// Takes the text up to the separator, trimmed, off the front of `*rest`.
inline std::string_view TakeMember(std::string_view* rest, char separator) {
  const size_t size = std::min(rest->find(separator), rest->size());
  const std::string_view member = TrimBlanks(rest->substr(0, size));
  rest->remove_prefix(std::min(size + 1, rest->size()));
  return member;
}

}  // namespace sluice
