#include "agent/identity/proc_file.h"

#include <unistd.h>

#include "gtest/gtest.h"

namespace sluice::net {
namespace {

TEST(ReadProcFileTest, GivesAllOfALongFileAndNothingOfNoProcess) {
  const std::optional<std::string> maps = ReadProcFile(::getpid(), "maps");
  ASSERT_TRUE(maps.has_value());
  EXPECT_GT(maps->size(), 4096u);
  EXPECT_TRUE(maps->ends_with("\n"));
  EXPECT_FALSE(ReadProcFile(0, "stat").has_value());
  EXPECT_FALSE(ReadProcFile(::getpid(), "none").has_value());
}

TEST(ParseProcessStatTest, FindsTheStartTimeBehindAHostileCommandName) {
  const auto stat = ParseProcessStat(
      "4021 (a) R 1 (b c) S 1 4021 4021 0 -1 4194560 120 0 0 0 1 2 0 0 20 0 1 0 987654 5000 12 "
      "18446744073709551615\n");
  ASSERT_TRUE(stat.has_value());
  EXPECT_EQ(stat->comm, "a) R 1 (b c");
  EXPECT_EQ(stat->start_time_ticks, 987654u);
}

TEST(ParseProcessStatTest, GivesTheCommandNameAsTextWhateverItsBytes) {
  // The kernel cuts a name at 15 bytes, and so a code point in two.
  const auto stat =
      ParseProcessStat("7 (\xff-\xc3\xa9-\xe2\x82) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 12 0");
  ASSERT_TRUE(stat.has_value());
  EXPECT_EQ(stat->comm, "\xef\xbf\xbd-\xc3\xa9-\xef\xbf\xbd");
  EXPECT_EQ(stat->start_time_ticks, 12u);
}

TEST(ParseProcessStatTest, RefusesWhatIsCutOrNotANumber) {
  EXPECT_FALSE(ParseProcessStat(""));
  EXPECT_FALSE(ParseProcessStat("1 (x"));
  EXPECT_FALSE(ParseProcessStat(")("));
  EXPECT_FALSE(ParseProcessStat("1 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 0 0 0 0"));
  EXPECT_FALSE(ParseProcessStat("1 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 12"));
  EXPECT_FALSE(ParseProcessStat("1 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 x 0"));
}

}  // namespace
}  // namespace sluice::net
