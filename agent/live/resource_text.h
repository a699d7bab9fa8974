// Text attributes of an encoded Resource, read in place.
#pragma once

#include <string_view>

namespace sluice::live {

// Empty: not there, or not a string.
std::string_view FindResourceText(std::string_view resource, std::string_view key);

}  // namespace sluice::live
