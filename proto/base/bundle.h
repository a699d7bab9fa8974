// What lies where in a file of `sluice collect`.
#pragma once

#include <string_view>

namespace sluice::bundle {

// Before all names.
inline constexpr std::string_view kTop = "sluice/";
// Segment files.
inline constexpr std::string_view kJournal = "journal/";
inline constexpr std::string_view kPool = "pool/.kvp_pool_1";

}  // namespace sluice::bundle
