// Attributes as typed on the command line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/cli/exit_code.h"

namespace sluice::cli {

struct Attribute {
  std::string key;
  std::variant<std::string, bool, int64_t, double, std::vector<std::string>> value;
};

// KEY=VALUE, a string; or KEY:TYPE=VALUE where TYPE is string, int, double or bool (true or false).
// Split at the first `=`; a key with a colon of its own names its type. Keys that begin with
// `sluice.` are the agent's and refused.
Result<Attribute> ParseAttribute(std::string_view text);

// All that `flag` was given, at most limits::kAttributes; of the same key the last counts, in the
// first's place.
Result<std::vector<Attribute>> ParseAttributes(std::string_view flag,
                                               const std::vector<std::string>& texts);

}  // namespace sluice::cli
