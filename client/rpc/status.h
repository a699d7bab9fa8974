// How a call to the agent ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace sluice::rpc {

// A moment by the steady clock. max(): none.
using Deadline = std::chrono::steady_clock::time_point;

enum class Outcome : uint8_t {
  kOk,
  kNoAgent,       // nobody listens there: no such socket, or refused
  kNoPermission,  // this process may not open the socket
  kBusy,          // no room among the connections that wait to be accepted; nothing was sent
  kTimeout,       // the deadline passed; whether the call took effect is not known
  kBroken,        // the connection broke, or the peer speaks no gRPC; likewise not known
  kStatus,        // the agent's own answer: a gRPC status other than OK
};

// The numbers of google.rpc.Code that somebody here decides by.
enum class GrpcCode : uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
};

struct Status {
  Outcome outcome = Outcome::kOk;
  GrpcCode code = GrpcCode::kOk;  // where outcome == kStatus; any number a peer sends
  std::string message;            // for people; what was tried, and what came of it
  // `grpc-retry-pushback-ms`: do not try again sooner.
  std::optional<std::chrono::milliseconds> pushback;

  bool ok() const { return outcome == Outcome::kOk; }
};

// A failed system call: `what` was tried, `error` is its errno.
Status ErrnoStatus(const std::string& what, int error);

}  // namespace sluice::rpc
