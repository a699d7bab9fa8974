#include "agent/base/user_of.h"

#include "gtest/gtest.h"

namespace sluice {
namespace {

class UserOfTest : public ::testing::Test {
 protected:
  ~UserOfTest() override { SetSubordinateUids({}); }
};

TEST_F(UserOfTest, IsTheUidItselfWhereNothingIsSaid) {
  EXPECT_EQ(UserOf(0), 0u);
  EXPECT_EQ(UserOf(1000), 1000u);
  EXPECT_EQ(UserOf(165536), 165536u);
}

TEST_F(UserOfTest, IsWhoHasTheRange) {
  SetSubordinateUids({{231072, 296607, 1001}, {165536, 231071, 1000}, {400000, 400000, 1000}});
  EXPECT_EQ(UserOf(165535), 165535u);
  EXPECT_EQ(UserOf(165536), 1000u);
  EXPECT_EQ(UserOf(231071), 1000u);
  EXPECT_EQ(UserOf(231072), 1001u);
  EXPECT_EQ(UserOf(296608), 296608u);
  EXPECT_EQ(UserOf(400000), 1000u);
  EXPECT_EQ(UserOf(400001), 400001u);
}

TEST_F(UserOfTest, OfRangesThatOverlapTheLastToBeginHolds) {
  SetSubordinateUids({{1000, 9000, 1}, {2000, 3000, 2}});
  EXPECT_EQ(UserOf(1500), 1u);
  EXPECT_EQ(UserOf(2500), 2u);
  EXPECT_EQ(UserOf(5000), 5000u);
}

TEST_F(UserOfTest, NobodyBecomesRootByARange) {
  SetSubordinateUids({{100000, 165535, 0}, {0, 10, 1000}});
  EXPECT_EQ(UserOf(100000), 100000u);
  EXPECT_EQ(UserOf(0), 0u);
}

TEST_F(UserOfTest, AMapFindsAUserByEachUid) {
  SetSubordinateUids({{165536, 231071, 1000}});
  ByUser<int> counts;
  ++counts[165536];
  ++counts[200000];
  ++counts[1000];
  ++counts[1001];
  EXPECT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts.find(231071)->second, 3);
  EXPECT_TRUE(counts.contains(1000));
  counts.erase(counts.find(170000));
  EXPECT_FALSE(counts.contains(1000));
}

}  // namespace
}  // namespace sluice
