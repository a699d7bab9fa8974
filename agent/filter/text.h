// Small text rules of the filter grammar.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace sluice::filter {

// Without the Unicode white space (White_Space=yes) and byte order marks at both ends.
std::string_view TrimWhiteSpace(std::string_view text);

// True for what is likely a mistyped level: one edit away from one, a number, or another system's
// name for one (`warning`, `fatal`, `all`...).
bool LooksLikeLevel(std::string_view word);

// Insertions, removals, replacements and swaps of neighbours that turn one into the other.
size_t EditDistance(std::string_view a, std::string_view b);

std::string StrJoin(std::initializer_list<std::string_view> parts);

}  // namespace sluice::filter
