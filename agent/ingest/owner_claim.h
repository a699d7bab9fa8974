// Whether a process is one that spans may belong to (EmitRequest.owner).
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/identity/span_owner.h"
#include "proto/base/unique_fd.h"

namespace sluice::ingest {

struct OwnerClaim {
  // Not set where `fault` is an error.
  SpanOwner owner;
  // Of its process, if it has one; may be none all the same.
  UniqueFd pidfd;
  // FAILED_PRECONDITION: not a process that `uid` may name. Others are the machine's.
  absl::Status fault;
};

// Of an encoded sluice.v1.SpanOwner that `uid` sent. INVALID_ARGUMENT: not one, or out of range.
absl::StatusOr<OwnerClaim> JudgeOwner(std::string_view encoded, uid_t uid,
                                      uint64_t now_boottime_nano);

}  // namespace sluice::ingest
