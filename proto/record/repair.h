// Mends a record or a resource that CheckRecord or CheckResource found flawed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

// The record without its flaws, encoded anew. `encoded` must have passed CheckRecord. Empty where
// the mended record would exceed limits::kRecordBytes (an invalid byte becomes three): then it is
// kTooLarge.
std::string RepairRecord(std::string_view encoded);

// A Resource: reserved attributes dropped, text made valid; empty where it is not sound, or would
// not be after that. `*changed` tells whether the result differs from `encoded`.
std::string RepairResource(std::string_view encoded, bool* changed);

// A bare OTLP Span or LogRecord that passed its check, without reserved attributes; of the latter
// without ids that are none.
std::string RepairBareSpan(std::string_view encoded);
std::string RepairBareEvent(std::string_view encoded);

// A sound Resource or InstrumentationScope that came as OTLP: without reserved attributes, its text
// made valid. Of a resource beyond limits::kOtlpEnvelopeBytes the largest attributes are left out,
// `*left_out` of them, which it counts itself; where that is not enough all else is left out too.
std::string RepairOtlpResource(std::string_view encoded, uint32_t* left_out);
std::string RepairOtlpScope(std::string_view encoded);

}  // namespace sluice
