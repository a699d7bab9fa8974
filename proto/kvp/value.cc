#include "proto/kvp/value.h"

#include "proto/kvp/slot.h"
#include "proto/text/times.h"
#include "proto/wire/utf8.h"

namespace sluice::kvp {

std::string EventValue(uint64_t unix_nano, std::string_view message) {
  return ("Time: " + FormatUtcMillis(unix_nano) + " | Event: ").append(message);
}

std::string SpanValue(uint64_t start_unix_nano, uint64_t end_unix_nano) {
  return "Start: " + FormatUtcMillis(start_unix_nano) + " | End: " + FormatUtcMillis(end_unix_nano);
}

std::string FailedSpanValue(uint64_t start_unix_nano, uint64_t end_unix_nano,
                            std::string_view message) {
  std::string value = SpanValue(start_unix_nano, end_unix_nano) + " | Status: error";
  if (message.empty()) return value;
  value.append(": ").append(message);
  if (value.size() <= kSafeValueBytes) return value;
  static constexpr std::string_view kCut = "...";
  value.resize(Utf8Boundary(value, kSafeValueBytes - kCut.size()));
  return value.append(kCut);
}

}  // namespace sluice::kvp
