// The texts of gRPC's headers and trailers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "agent/net/http/request_head.h"

namespace sluice::net {

// `application/grpc`, alone or followed by `+` or `;` and more.
bool IsGrpcContentType(std::string_view content_type);

// A `grpc-timeout`: 1 to 8 digits and one of H M S m u n; in nanoseconds, at most a hundred years.
// nullopt: malformed.
std::optional<uint64_t> ParseGrpcTimeout(std::string_view text);

// `grpc-message`: bytes outside blank..`~`, and `%`, as %XX.
std::string PercentEncode(std::string_view text);

// `grpc-status` and, as needed, `grpc-message` (at most 1 KiB of it). A retry time is told in each
// of the ways in which some client looks for it: gRPC's `grpc-retry-pushback-ms`, and google.rpc's
// RetryInfo within `grpc-status-details-bin` and alone as `google.rpc.retryinfo-bin`.
HeaderFields FormatTrailers(const absl::Status& status, std::optional<int64_t> retry_after_ms);

}  // namespace sluice::net
