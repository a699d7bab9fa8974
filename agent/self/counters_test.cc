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

TEST(CountersTest, AddingNothingCreatesNothing) {
  Counters counters;
  counters.Add("pool.repaired", "", {}, 0);
  EXPECT_TRUE(counters.Snapshot().empty());
}

}  // namespace
}  // namespace sluice
