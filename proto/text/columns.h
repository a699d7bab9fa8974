// How many columns of a terminal text takes, as terminals draw it (wcwidth(3) in a UTF-8 locale).
#pragma once

#include <cstddef>

namespace sluice {

// 0, 1 or 2. Of a code point that shows nothing (escape.h) it is as of any other.
size_t ColumnsOf(char32_t code_point);

}  // namespace sluice
