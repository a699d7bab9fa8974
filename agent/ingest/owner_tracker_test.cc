#include "agent/ingest/owner_tracker.h"

#include <signal.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "agent/ingest/end_delays.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/record/limits.h"
#include "tests/support/child.h"
#include "tests/support/fake_clock.h"
#include "tests/support/records.h"

namespace sluice::ingest {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::MakeId;
using testing::StartRecord;

constexpr uint64_t kOneSecond = 1'000'000'000;
constexpr uid_t kUid = 5;

class OwnerTrackerTest : public ::testing::Test {
 protected:
  // An open span of `kUid` with that owner, tracked.
  void Open(uint8_t id, const SpanOwner& owner) {
    auto origin = std::make_shared<live::Origin>();
    origin->identity.uid = kUid;
    origin->owner = owner;
    const std::string record = StartRecord(1, id).SerializeAsString();
    ASSERT_EQ(spans_.Open(*ReadRecord(record), origin, 0), live::SpanTable::Result::kDone);
    tracker_.Track(kUid, owner, -1);
  }

  SpanOwner Owner() const { return {child_.key().pid, child_.key().start_time_ticks, 0}; }

  bool End(const OwnerTracker::Selects& selects, const std::string& cause) {
    causes_.push_back(cause);
    if (!journal_takes_it_) return false;
    std::vector<live::SpanKey> picked;
    spans_.ForEach([&](const std::shared_ptr<live::Span>& span) {
      if (selects(span->key.uid, span->origin->owner)) picked.push_back(span->key);
    });
    for (const live::SpanKey& key : picked) {
      const std::string end = testing::EndRecord(1, key.span_id.bytes.back()).SerializeAsString();
      spans_.Close(kUid, *ReadRecord(end));
    }
    return true;
  }

  void Pass(uint64_t nanos) {
    clock_.now += nanos;
    loop_->RunOnce(0);
  }

  FakeClock clock_;
  std::unique_ptr<net::EventLoop> loop_ = *net::EventLoop::Create(clock_);
  live::SpanTable spans_;
  bool journal_takes_it_ = true;
  std::vector<std::string> causes_;
  OwnerTracker tracker_{loop_.get(), &spans_,
                        [this](const OwnerTracker::Selects& selects, const std::string& cause) {
                          return End(selects, cause);
                        }};
  Child child_{0};
};

TEST_F(OwnerTrackerTest, EndsTheSpansOfAnOwnerThatIsGoneAndTriesUntilTheyAre) {
  Open(1, Owner());
  Open(2, {0, 0, clock_.now + 3600 * kOneSecond});
  EXPECT_EQ(tracker_.CountOf(kUid), 1u);
  child_.Kill(SIGKILL);
  child_.Reap();
  loop_->RunOnce(20'000);
  journal_takes_it_ = false;
  Pass(kDrainNanos - 1);
  EXPECT_THAT(causes_, IsEmpty());
  Pass(1);
  EXPECT_EQ(causes_.size(), 1u);
  journal_takes_it_ = true;
  Pass(kEndRetryNanos);
  const auto death = AnyOf("signal 9 (SIGKILL)", "process gone");
  EXPECT_THAT(causes_, ElementsAre(death, death));
  EXPECT_EQ(spans_.size(), 1u);
  EXPECT_EQ(tracker_.CountOf(kUid), 0u);
}

TEST_F(OwnerTrackerTest, EndsEachSpanWhenItsTimeIsOver) {
  const uint64_t begin = clock_.now;
  Open(1, {0, 0, begin + 2 * kOneSecond});
  Open(2, {0, 0, begin + kOneSecond});
  Open(3, {0, 0, begin + 3 * kOneSecond});
  Pass(kOneSecond - 1);
  EXPECT_THAT(causes_, IsEmpty());
  Pass(1);
  EXPECT_THAT(causes_, ElementsAre("ttl"));
  EXPECT_EQ(spans_.size(), 2u);
  journal_takes_it_ = false;
  Pass(kOneSecond);
  EXPECT_EQ(spans_.size(), 2u);
  journal_takes_it_ = true;
  Pass(kOneSecond);
  EXPECT_EQ(spans_.size(), 0u);
  Pass(3600 * kOneSecond);
  EXPECT_THAT(causes_, ElementsAre("ttl", "ttl", "ttl"));
}

TEST_F(OwnerTrackerTest, SaysWhenAnOwnersProcessOrTimeEnded) {
  const uint64_t due = clock_.now + 2 * kOneSecond;
  SpanOwner with_time = Owner();
  with_time.end_boottime_nano = due;
  Open(1, with_time);
  EXPECT_FALSE(tracker_.EndOf(kUid, with_time).is_seen);
  clock_.now += kOneSecond;
  const uint64_t died = clock_.now;
  child_.Kill(SIGKILL);
  child_.Reap();
  loop_->RunOnce(20'000);
  clock_.now += 2 * kOneSecond;
  EXPECT_EQ(tracker_.EndOf(kUid, with_time).boot_nano, died);
  EXPECT_EQ(tracker_.EndOf(kUid, {0, 0, due}).boot_nano, due);
  EXPECT_TRUE(tracker_.EndOf(kUid, {0, 0, due}).is_seen);
}

// Whoever sends many times cannot have the spans passed over for each of them.
TEST_F(OwnerTrackerTest, TimesThatAreCloseEndTogether) {
  const uint64_t begin = clock_.now;
  for (uint8_t n = 1; n <= 100; ++n) Open(n, {0, 0, begin + kOneSecond + n * 1'000'000ull});
  for (int ms = 0; ms < 1300; ++ms) Pass(1'000'000);
  EXPECT_EQ(spans_.size(), 0u);
  EXPECT_LE(causes_.size(), 3u);
}

TEST_F(OwnerTrackerTest, AnOwnerWithoutOpenSpansMakesRoomForAnother) {
  Open(1, Owner());
  for (int n = 1; n < limits::kSpanOwnersPerUid; ++n) {
    // Nothing of theirs is open.
    tracker_.Track(kUid, {::getpid(), static_cast<uint64_t>(n), 0}, -1);
  }
  EXPECT_EQ(tracker_.CountOf(kUid), size_t{limits::kSpanOwnersPerUid});
  EXPECT_TRUE(tracker_.HasRoom(kUid, Owner()));
  EXPECT_TRUE(tracker_.HasRoom(kUid, {::getpid(), 0, 0}));
  EXPECT_EQ(tracker_.CountOf(kUid), 1u);
}

TEST_F(OwnerTrackerTest, HoldsAUserToItsNumberOfOwners) {
  for (int n = 1; n <= limits::kSpanOwnersPerUid; ++n) {
    auto origin = std::make_shared<live::Origin>();
    origin->identity.uid = kUid;
    origin->owner = {::getpid(), static_cast<uint64_t>(n), 0};
    auto start = StartRecord(1, 1);
    SpanId id;
    id.bytes[0] = static_cast<uint8_t>(n >> 8);
    id.bytes[1] = static_cast<uint8_t>(n);
    id.bytes[7] = 1;
    start.mutable_span()->set_span_id(std::string(id.raw()));
    const std::string record = start.SerializeAsString();
    ASSERT_EQ(spans_.Open(*ReadRecord(record), origin, 0), live::SpanTable::Result::kDone);
    EXPECT_TRUE(tracker_.HasRoom(kUid, origin->owner));
    tracker_.Track(kUid, origin->owner, -1);
  }
  EXPECT_FALSE(tracker_.HasRoom(kUid, Owner()));
  EXPECT_TRUE(tracker_.HasRoom(kUid, {::getpid(), 1, 0})) << "one that it has";
  EXPECT_TRUE(tracker_.HasRoom(kUid, {0, 0, clock_.now + kOneSecond})) << "no process";
  EXPECT_TRUE(tracker_.HasRoom(kUid + 1, Owner()));
}

}  // namespace
}  // namespace sluice::ingest
