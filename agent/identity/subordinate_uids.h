// The ranges of subordinate uids that the administrator gave to users: subuid(5).
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/base/user_of.h"

namespace sluice {

// Of `subuid`, a text as /etc/subuid: a line `USER:FIRST:COUNT` a range, with USER a uid or a name
// that `passwd`, a text as /etc/passwd, knows. Other lines say nothing.
std::vector<SubordinateUids> ParseSubordinateUids(absl::string_view subuid,
                                                  absl::string_view passwd);

// From /etc/subuid and /etc/passwd below `root`; none where they cannot be read.
std::vector<SubordinateUids> ReadSubordinateUids(const std::string& root = "");

}  // namespace sluice
