#include "proto/kvp/boot_time.h"

#include <cerrno>

#include "gtest/gtest.h"

namespace sluice::kvp {
namespace {

TEST(BootTimeTest, StandsInALineOfItsOwn) {
  EXPECT_EQ(*ParseBootTime("cpu  1 2 3 4\nbtime 1710000000\nintr 1\n"), 1'710'000'000);
  EXPECT_EQ(*ParseBootTime("btime 7"), 7);
}

TEST(BootTimeTest, SaysWhatIsWrong) {
  for (const char* const text : {"", "\n", "cpu  1 2 3 4\n", "xbtime 1\n", "btime\n"}) {
    EXPECT_EQ(ParseBootTime(text).error().code, ENOENT) << text;
  }
  for (const char* const text : {"btime not-a-number\n", "btime 12x\n", "btime \n"}) {
    const PoolError error = ParseBootTime(text).error();
    EXPECT_EQ(error.code, EINVAL) << text;
    EXPECT_EQ(error.message.find("invalid /proc/stat btime value: "), 0u) << error.message;
  }
}

TEST(BootTimeTest, IsKnownOfThisSystem) {
  ASSERT_TRUE(ReadBootTime().ok());
  EXPECT_GT(*ReadBootTime(), 0);
  EXPECT_LE(*ReadBootTime(), ::time(nullptr));
}

TEST(BootTimeTest, WhatWasWrittenInItsSecondIsOld) {
  EXPECT_TRUE(WrittenBeforeBoot({.tv_sec = 0, .tv_nsec = 0}, 100));
  EXPECT_TRUE(WrittenBeforeBoot({.tv_sec = 100, .tv_nsec = 999'999'999}, 100));
  EXPECT_FALSE(WrittenBeforeBoot({.tv_sec = 101, .tv_nsec = 0}, 100));
}

}  // namespace
}  // namespace sluice::kvp
