// Names of users, out of /etc/passwd: the tool is linked statically and cannot ask the C library
// for those of other directories.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::cli {

// A number, or a name. nullopt: no such user.
std::optional<uint32_t> ParseUser(std::string_view text, const std::string& file = "/etc/passwd");

// The name, or the number where it has none.
std::string UserName(uint32_t uid, const std::string& file = "/etc/passwd");

}  // namespace sluice::cli
