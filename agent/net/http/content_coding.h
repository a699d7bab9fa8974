// What a body is compressed with, and its bytes without that: for HTTP's content-encoding and
// gRPC's grpc-encoding.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::net {

enum class ContentCoding {
  kIdentity,
  kGzip,
  kDeflate,  // with zlib's wrapper, as HTTP's deflate is
};

// As a header field names it, in any case; empty is kIdentity. nullopt: another, or several.
std::optional<ContentCoding> ParseContentCoding(std::string_view name);

// How many bytes `body` has at most once it is decoded, by what it says itself and by what its
// coding can do; exact for kIdentity and kGzip that is well formed. Costs nothing, so that memory
// can be charged before.
size_t DecodedBound(ContentCoding coding, std::string_view body);

// Decodes one whole body. Holds at most `max_bytes` beside it, and while it grows (kDeflate) a
// quarter more.
// RESOURCE_EXHAUSTED: it would have more than `max_bytes`; where it says so itself, nothing was
// decoded. INVALID_ARGUMENT: it is malformed, or bytes follow it. Thread-safe.
absl::StatusOr<std::string> DecodeContent(ContentCoding coding, std::string_view body,
                                          size_t max_bytes);

}  // namespace sluice::net
