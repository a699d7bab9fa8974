// OTEL_RESOURCE_ATTRIBUTES: what a process is told to say of itself.
// https://opentelemetry.io/docs/specs/otel/resource/sdk/
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

inline constexpr std::string_view kResourceAttributesEnv = "OTEL_RESOURCE_ATTRIBUTES";

struct ResourceAttributes {
  std::vector<std::pair<std::string, std::string>> pairs;  // decoded; of a key the last one counts
  std::string error;  // what is wrong, for people, and then there are no pairs; empty: nothing
};

// `key=value,key=value`. Blanks around keys and values do not count. `,` and `=` within them are
// percent-encoded; any other character may be. Of a text that cannot be read nothing is taken, as
// the specification has it: half of it would say something else.
ResourceAttributes ParseResourceAttributes(std::string_view text);

}  // namespace sluice
