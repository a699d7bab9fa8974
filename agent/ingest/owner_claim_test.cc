#include "agent/ingest/owner_claim.h"

#include <unistd.h>

#include "gtest/gtest.h"
#include "proto/record/limits.h"
#include "sluice/v1/ingest.pb.h"
#include "tests/support/child.h"

namespace sluice::ingest {
namespace {

constexpr uint64_t kNow = 5'000'000'000;
constexpr uint64_t kMs = 1'000'000;

absl::StatusOr<OwnerClaim> Judge(pid_t pid, uint64_t ticks, uint64_t ttl_ms,
                                 uid_t uid = ::geteuid()) {
  v1::SpanOwner asked;
  asked.set_pid(pid);
  asked.set_start_time_ticks(ticks);
  asked.set_ttl_ms(ttl_ms);
  return JudgeOwner(asked.SerializeAsString(), uid, kNow);
}

TEST(OwnerClaimTest, AProcessIsTakenWithItsStartAndWithoutATime) {
  const Child child(0);
  const auto claim = Judge(child.key().pid, 0, 0);
  ASSERT_TRUE(claim.ok() && claim->fault.ok());
  EXPECT_EQ(claim->owner, (SpanOwner{child.key().pid, child.key().start_time_ticks, 0}));
  EXPECT_TRUE(claim->pidfd);
}

TEST(OwnerClaimTest, WithoutAProcessItIsForADayOrAsLongAsStated) {
  EXPECT_EQ(Judge(0, 0, 0)->owner, (SpanOwner{0, 0, kNow + limits::kSpanTtlDefaultMs * kMs}));
  EXPECT_EQ(Judge(0, 0, 3)->owner, (SpanOwner{0, 0, kNow + 3 * kMs}));
  EXPECT_EQ(Judge(0, 0, limits::kSpanTtlMaxMs)->owner.end_boottime_nano,
            kNow + limits::kSpanTtlMaxMs * kMs);
}

TEST(OwnerClaimTest, WhatIsOutOfRangeIsTheCallersFault) {
  for (const auto& claim :
       {Judge(0, 0, limits::kSpanTtlMaxMs + 1), Judge(-1, 0, 0), Judge(0, 1, 0)}) {
    EXPECT_EQ(claim.status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(JudgeOwner("\xff", 0, kNow).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(OwnerClaimTest, AProcessThatIsNotTheOneMeantIsNoOwner) {
  Child child(0);
  const net::ProcessKey key = child.key();
  const auto refusal = [&](uint64_t ticks, uid_t uid) {
    const auto claim = Judge(key.pid, ticks, 0, uid);
    EXPECT_FALSE(claim->owner.is_set() && !claim->fault.ok());
    return claim->fault.code();
  };
  EXPECT_EQ(refusal(key.start_time_ticks + 1, ::geteuid()), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(refusal(key.start_time_ticks, ::geteuid() + 1), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(refusal(key.start_time_ticks, 0), absl::StatusCode::kOk) << "root may name any";
  child.Exit();
  child.Reap();
  EXPECT_EQ(refusal(0, ::geteuid()), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace sluice::ingest
