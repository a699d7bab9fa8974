#include "proto/kvp/value.h"

#include "proto/text/times.h"

namespace sluice::kvp {

std::string EventValue(uint64_t unix_nano, std::string_view message) {
  return ("Time: " + FormatUtcMillis(unix_nano) + " | Event: ").append(message);
}

std::string SpanValue(uint64_t start_unix_nano, uint64_t end_unix_nano) {
  return "Start: " + FormatUtcMillis(start_unix_nano) + " | End: " + FormatUtcMillis(end_unix_nano);
}

}  // namespace sluice::kvp
