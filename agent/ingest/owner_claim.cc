#include "agent/ingest/owner_claim.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"
#include "agent/identity/live_process.h"
#include "agent/net/grpc/request.h"
#include "proto/record/limits.h"
#include "sluice/v1/ingest.pb.h"

namespace sluice::ingest {
namespace {

constexpr uint64_t kNanosPerMs = 1'000'000;

absl::Status CheckRanges(const v1::SpanOwner& asked) {
  if (asked.pid() < 0) return absl::InvalidArgumentError("owner.pid is negative");
  if (asked.pid() == 0 && asked.start_time_ticks() != 0) {
    return absl::InvalidArgumentError("owner.start_time_ticks without owner.pid");
  }
  if (asked.ttl_ms() > limits::kSpanTtlMaxMs) {
    return absl::InvalidArgumentError(
        absl::StrCat("owner.ttl_ms is above 7 days: ", limits::kSpanTtlMaxMs));
  }
  return absl::OkStatus();
}

absl::StatusOr<net::LiveProcess> FindOwner(const v1::SpanOwner& asked, uid_t uid) {
  auto process = net::FindLiveProcess(asked.pid(), uid);
  if (absl::IsNotFound(process.status())) {
    return absl::FailedPreconditionError(absl::StrCat("owner: no live process ", asked.pid()));
  }
  // Nothing more is said of another user's process than that.
  if (absl::IsPermissionDenied(process.status())) {
    return absl::FailedPreconditionError(absl::StrCat("owner: ", process.status().message()));
  }
  RETURN_IF_ERROR(process.status());
  if (asked.start_time_ticks() != 0 && asked.start_time_ticks() != process->start_time_ticks) {
    return absl::FailedPreconditionError(absl::StrCat("owner: process ", asked.pid(),
                                                      " started at ", process->start_time_ticks,
                                                      ", not at ", asked.start_time_ticks()));
  }
  return process;
}

}  // namespace

absl::StatusOr<OwnerClaim> JudgeOwner(std::string_view encoded, uid_t uid,
                                      uint64_t now_boottime_nano) {
  ASSIGN_OR_RETURN(const v1::SpanOwner asked, net::ParseRequest<v1::SpanOwner>(encoded));
  RETURN_IF_ERROR(CheckRanges(asked));
  OwnerClaim claim;
  if (asked.pid() != 0) {
    auto process = FindOwner(asked, uid);
    if (!process.ok()) {
      claim.fault = process.status();
      return claim;
    }
    claim.owner.pid = process->pid;
    claim.owner.start_time_ticks = process->start_time_ticks;
    claim.pidfd = std::move(process->pidfd);
  }
  uint64_t ttl_ms = asked.ttl_ms();
  if (ttl_ms == 0 && asked.pid() == 0) ttl_ms = limits::kSpanTtlDefaultMs;
  if (ttl_ms != 0) claim.owner.end_boottime_nano = now_boottime_nano + ttl_ms * kNanosPerMs;
  return claim;
}

}  // namespace sluice::ingest
