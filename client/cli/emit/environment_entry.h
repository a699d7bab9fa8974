// An entry of an environment: NAME=VALUE.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace sluice::cli {

inline std::string Assign(std::string_view name, std::string_view value) {
  return std::string(name).append("=").append(value);
}

inline std::string_view NameOf(std::string_view entry) { return entry.substr(0, entry.find('=')); }

inline std::string_view ValueOf(std::string_view entry) {
  return entry.substr(std::min(entry.size(), entry.find('=') + 1));
}

}  // namespace sluice::cli
