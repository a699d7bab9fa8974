// W3C Baggage: an application's own names and values that travel with the trace context.
// https://www.w3.org/TR/baggage/.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// What every implementation must pass on; beyond them whole members are left out, the last first.
inline constexpr size_t kBaggageMembers = 64;
inline constexpr size_t kBaggageBytes = 8192;

// Names the keys for SelectBaggage.
inline constexpr const char* kBaggageKeysEnv = "SLUICE_BAGGAGE_KEYS";

struct BaggageMember {
  std::string key;         // a token: letters, digits and !#$%&'*+-.^_`|~
  std::string value;       // decoded, valid UTF-8
  std::string properties;  // as they travel, `;` between them; mostly empty

  bool operator==(const BaggageMember&) const = default;
};

// In order. A malformed member is left out; a `%` that begins no two hexadecimal digits stands for
// itself.
std::vector<BaggageMember> ParseBaggage(std::string_view header);
// `key=value;properties,...`. A member whose key or properties cannot travel is left out.
std::string FormatBaggage(const std::vector<BaggageMember>& members);

// Those that become attributes of spans: `keys` are separated by commas, and their order counts;
// `prefix*` stands for all that begin so, in the members' order.
std::vector<BaggageMember> SelectBaggage(const std::vector<BaggageMember>& members,
                                         std::string_view keys);

}  // namespace sluice
