// Values of the records that azure-init's layer and ours write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/record/view.h"

namespace sluice::kvp {

// `Time: 2025-11-13T17:52:10.123Z | Event: <message>`.
std::string EventValue(uint64_t unix_nano, std::string_view message);
// `Start: 2025-11-13T17:52:10.000Z | End: 2025-11-13T17:52:10.123Z`.
std::string SpanValue(uint64_t start_unix_nano, uint64_t end_unix_nano);
// The same of a span that failed: ` | Status: error: <message>` behind it, without the second colon
// where there is no message. The message is cut, with `...` for the rest, so that the value fits
// one record.
std::string FailedSpanValue(uint64_t start_unix_nano, uint64_t end_unix_nano,
                            std::string_view message);

}  // namespace sluice::kvp
