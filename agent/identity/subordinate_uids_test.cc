#include "agent/identity/subordinate_uids.h"

#include "gtest/gtest.h"

namespace sluice {
namespace {

constexpr char kPasswd[] =
    "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/sh\n";

TEST(SubordinateUidsTest, ReadsRangesOfNamesAndOfNumbers) {
  const auto ranges = ParseSubordinateUids("alice:165536:65536\n1001:231072:1\n", kPasswd);
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_EQ(ranges[0].first, 165536u);
  EXPECT_EQ(ranges[0].last, 231071u);
  EXPECT_EQ(ranges[0].user, 1000u);
  EXPECT_EQ(ranges[1].first, ranges[1].last);
  EXPECT_EQ(ranges[1].user, 1001u);
}

TEST(SubordinateUidsTest, LeavesOutWhatSaysNothing) {
  EXPECT_TRUE(ParseSubordinateUids("", "").empty());
  EXPECT_TRUE(ParseSubordinateUids("bob:165536:65536\n"       // no such user
                                   "alice:165536\n"           // no count
                                   "alice:165536:0\n"         //
                                   "alice:4294967295:2\n"     // beyond the last uid
                                   "alice:-1:5\nalice:1:x\n"  //
                                   "alice:1:2:3\n# alice:1:2\n\n:::\n",
                                   kPasswd)
                  .empty());
}

TEST(SubordinateUidsTest, ThereMayBeNoFiles) {
  EXPECT_TRUE(ReadSubordinateUids("/nonexistent").empty());
}

}  // namespace
}  // namespace sluice
