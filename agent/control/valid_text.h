// Text for an answer's `string` fields, which a reader refuses where they are not UTF-8.
#pragma once

#include <string>
#include <string_view>

#include "proto/wire/utf8.h"

namespace sluice::control {

// What comes from the environment or a path may hold any bytes; here each stray one is a U+FFFD.
inline std::string ValidText(std::string_view text) {
  std::string valid;
  AppendValidUtf8(text, &valid);
  return valid;
}

}  // namespace sluice::control
