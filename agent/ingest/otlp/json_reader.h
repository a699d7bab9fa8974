// OTLP's JSON as protobuf's wire format, by the table of proto/otlp/schema.h.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "proto/otlp/schema.h"

namespace sluice::ingest::otlp {

// What is converted at most, and the memory that this takes at most, in bytes for each byte.
inline constexpr size_t kMaxJsonBytes = 8 * 1024 * 1024;
inline constexpr size_t kJsonMemoryFactor = 14;

// Takes what OTLP allows and what its writers do beyond it: ids in hex of either case, other bytes
// in either base64, integers as numbers or strings, enums by number or name, `null` for what is
// absent. Names are lowerCamelCase; others, and what the table does not know, are passed over.
// INVALID_ARGUMENT: no JSON, more than one value, or a field of the wrong type, which is named.
// Thread-safe.
absl::StatusOr<std::string> JsonToWire(const sluice::otlp::Message& message, std::string json);

}  // namespace sluice::ingest::otlp
