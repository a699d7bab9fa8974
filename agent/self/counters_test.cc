#include "agent/self/counters.h"

#include "gtest/gtest.h"

namespace sluice {
namespace {

TEST(CountersTest, KeepsReasonsAndUidsApart) {
  Counters counters;
  counters.Add("admission.dropped", "malformed", 1000);
  counters.Add("admission.dropped", "malformed", 1000, 2);
  counters.Add("admission.dropped", "malformed", 1001);
  counters.Add("admission.dropped", "record_too_large", 1000);
  EXPECT_EQ(counters.Total("admission.dropped"), 5u);
  EXPECT_EQ(counters.Total("admission.dropped", "malformed"), 4u);
  const auto values = counters.Snapshot();
  ASSERT_EQ(values.size(), 3u);
  EXPECT_EQ(values[0].uid, 1000u);
  EXPECT_EQ(values[0].count, 3u);
}

TEST(CountersTest, AddsUpTheUidsBeyondSoMany) {
  Counters counters;
  for (uid_t uid = 1; uid <= Counters::kMaxUids + 10; ++uid) counters.Add("a.b", "", uid);
  counters.Add("a.b", "", 0);
  counters.Add("a.b", "", 7);
  const auto values = counters.Snapshot();
  ASSERT_EQ(values.size(), Counters::kMaxUids + 2) << "with root, and all others as one";
  EXPECT_EQ(values[0].uid, std::nullopt);
  EXPECT_EQ(values[0].count, 10u);
  EXPECT_EQ(values[1].uid, 0u);
  EXPECT_EQ(values[8].uid, 7u);
  EXPECT_EQ(values[8].count, 2u);
  EXPECT_EQ(counters.Total("a.b"), Counters::kMaxUids + 12);
}

TEST(CountersTest, AddingNothingCreatesNothing) {
  Counters counters;
  counters.Add("pool.repaired", "", {}, 0);
  EXPECT_TRUE(counters.Snapshot().empty());
}

}  // namespace
}  // namespace sluice
