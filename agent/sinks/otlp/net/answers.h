// Sorts what destinations answer into what the exporter does next. Pure functions on bytes from
// elsewhere. docs/otlp.md has the table that they follow.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "agent/sinks/otlp/transport.h"

namespace sluice::otlp {

// No delay that a destination asks for is longer.
inline constexpr std::chrono::hours kLongestDelay{1};
// A longer answer is not read to its end.
inline constexpr size_t kMaxResponseBytes = 4 * 1024 * 1024;
// After credentials were refused, no attempt is made sooner, since each may count as an attack.
inline constexpr std::chrono::seconds kAuthDelay{60};

// How a gRPC call ended, by the peer's own word.
struct GrpcOutcome {
  int status = 0;           // google.rpc.Code, or any number a peer sends
  std::string message;      // decoded
  std::string details;      // `grpc-status-details-bin` as it came, in base64
  std::string retry_info;   // `google.rpc.retryinfo-bin` likewise
  std::string pushback_ms;  // `grpc-retry-pushback-ms`
  std::string response;     // the encoded Export*ServiceResponse
};
Answer SortGrpc(const GrpcOutcome& outcome);

// How an HTTP request ended.
struct HttpOutcome {
  int status = 0;
  std::string content_type;
  std::string location;
  std::optional<std::chrono::seconds> retry_after;
  std::string body;
};
Answer SortHttp(const HttpOutcome& outcome);
// Of a gRPC call that was answered so.
Answer SortHttpInsteadOfGrpc(const HttpOutcome& outcome);

// Whether the answer is about who we are.
bool IsAuthRefusal(const GrpcOutcome& outcome);
bool IsAuthRefusal(const HttpOutcome& outcome);

// No answer: the way to the destination, or its end of it, failed.
Answer NoAnswer(absl::string_view why);
// An answer longer than kMaxResponseBytes, of which nobody knows what it says.
Answer TooLongAnswer();

// Why no connection came about; `no_network`: it lacks a network or names on it.
std::string ExplainConnectFailure(absl::string_view error, bool no_network);

// One line of printable text of at most 512 bytes.
std::string PeerText(absl::string_view text);

}  // namespace sluice::otlp
