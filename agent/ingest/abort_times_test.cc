#include "agent/ingest/abort_times.h"

#include <map>

#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"

namespace sluice::ingest {
namespace {

// Unix and boot time are one here.
constexpr uint64_t kTimeOfDay = 1000;

class AbortTimesTest : public ::testing::Test {
 protected:
  static std::shared_ptr<live::Span> SpanOf(pid_t pid, uint64_t start,
                                            std::shared_ptr<live::Span> parent = nullptr) {
    auto origin = std::make_shared<live::Origin>();
    origin->identity.pid = pid;
    auto span = std::make_shared<live::Span>();
    span->origin = std::move(origin);
    span->parent = std::move(parent);
    span->start_unix_nano = start;
    span->received_boottime_nano = start;
    return span;
  }

  live::AbortedEnd::Time EndOf(const std::shared_ptr<live::Span>& span,
                               const AbortTimes::Spans& aborted, bool is_this_boot = true) {
    const auto life_end = [&](const live::Origin& origin) {
      const auto found = ends_.find(origin.identity.pid);
      return found == ends_.end() ? LifeEnd{} : found->second;
    };
    AbortTimes times(aborted, &unix_times_, is_this_boot ? LifeEndFn(life_end) : nullptr,
                     is_this_boot);
    return times.EndOf(*span);
  }

  FakeClock clock_{kTimeOfDay};
  UnixTimes unix_times_{&clock_};
  std::map<pid_t, LifeEnd> ends_;
};

void ExpectTime(live::AbortedEnd::Time time, uint64_t unix_nano, bool is_estimated) {
  EXPECT_EQ(time.unix_nano, unix_nano);
  EXPECT_EQ(time.is_estimated, is_estimated);
}

TEST_F(AbortTimesTest, EndsWhenItsProcessWasSeenToDie) {
  const auto span = SpanOf(1, 100);
  ends_[1] = {400, true};
  ExpectTime(EndOf(span, {span}), 400, false);
}

TEST_F(AbortTimesTest, EndsWithTheLastSignOfLifeWhereNobodySawTheDeath) {
  const auto early = SpanOf(1, 100);
  const auto late = SpanOf(1, 200);
  ExpectTime(EndOf(early, {early, late}), 200, true);
  ends_[1] = {300, false};
  ExpectTime(EndOf(early, {early, late}), 300, true);
}

TEST_F(AbortTimesTest, NeverEndsBeforeItsStart) {
  const auto span = SpanOf(1, 500);
  ends_[1] = {400, true};
  ExpectTime(EndOf(span, {span}), 500, false);
}

TEST_F(AbortTimesTest, NeverEndsAfterAParentThatHasEnded) {
  const auto parent = SpanOf(1, 100);
  parent->end_unix_nano = 350;
  const auto child = SpanOf(2, 200, parent);
  ends_[2] = {400, true};
  ExpectTime(EndOf(child, {child}), 350, false);
}

TEST_F(AbortTimesTest, NeverEndsAfterAParentWhoseProcessDiedAndIsClosedLater) {
  const auto root = SpanOf(1, 100);
  const auto parent = SpanOf(2, 110, root);
  const auto child = SpanOf(3, 200, parent);
  ends_ = {{1, {380, true}}, {2, {390, true}}, {3, {400, true}}};
  ExpectTime(EndOf(child, {child}), 380, false);
  ends_.erase(1);
  ExpectTime(EndOf(child, {child}), 390, false);
  ends_[2] = {390, false};
  ExpectTime(EndOf(child, {child}), 400, false);
}

TEST_F(AbortTimesTest, NeverEndsAfterAParentThatIsClosedWithIt) {
  const auto parent = SpanOf(1, 100);
  const auto child = SpanOf(2, 300, parent);
  ends_[2] = {400, true};
  ExpectTime(EndOf(child, {parent, child}), 300, true);
}

// Two clocks are never read at one moment.
class TwoClocks final : public Clock {
 public:
  uint64_t UnixNano() const override { return boot + ahead; }
  uint64_t BootNano() const override { return boot; }

  uint64_t boot = 5'000'000'000;
  uint64_t ahead = 1'700'000'000'000'000'000;
};

TEST(UnixTimesTest, TellsOfOneMomentTheSameUntilTheClockIsStepped) {
  TwoClocks clock;
  UnixTimes times(&clock);
  const uint64_t first = times.At(4'000'000'000);
  EXPECT_EQ(first, clock.ahead + 4'000'000'000);
  clock.boot += 1'000'000'000;
  for (const int jitter : {3000, -5000, 900'000}) {
    clock.ahead += static_cast<uint64_t>(jitter);
    EXPECT_EQ(times.At(4'000'000'000), first);
    clock.ahead -= static_cast<uint64_t>(jitter);
  }
  clock.ahead -= 3'600'000'000'000;
  EXPECT_EQ(times.At(4'000'000'000), first - 3'600'000'000'000);
  EXPECT_EQ(times.At(UINT64_MAX), clock.UnixNano()) << "not of the future";
}

TEST_F(AbortTimesTest, OfAnEarlierBootTheDistanceCounts) {
  const auto span = SpanOf(1, 5000);
  span->received_boottime_nano = 70;
  const auto last = SpanOf(1, 5020);
  last->received_boottime_nano = 95;
  ExpectTime(EndOf(span, {span, last}, false), 5025, true);
}

}  // namespace
}  // namespace sluice::ingest
