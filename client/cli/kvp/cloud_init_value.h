// The values of cloud-init's records: compact JSON, in which a chunk may end within an escape
// sequence, so that no chunk needs to be valid alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::kvp {

// `{"name":...,"type":...,"ts":...[,"result":...][,"duration":...][,"msg_i":...],"msg":"..."}`.
struct CloudInitValue {
  std::optional<uint64_t> time;  // `ts`, Unix nanoseconds
  std::string_view result;
  std::optional<double> duration;  // seconds
  std::string_view escaped_message;
  bool cut = false;  // the closing `"}` is missing
};

// Nullopt: `value` has no message in this form.
std::optional<CloudInitValue> ParseCloudInitValue(std::string_view value);

// The text of an escaped JSON string; what is not an escape sequence stands as it is.
std::string UnescapeJson(std::string_view escaped);

// `2025-11-13T17:52:10`, up to nine digits of fraction, then nothing, `Z` or `+00:00`. Unix
// nanoseconds of a year from 1970 on.
std::optional<uint64_t> ParseUtc(std::string_view text);

}  // namespace sluice::kvp
