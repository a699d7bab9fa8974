// Mends a record or a resource that CheckRecord or CheckResource found flawed.
#pragma once

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

}  // namespace sluice
