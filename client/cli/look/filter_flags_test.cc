#include "client/cli/look/filter_flags.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

TEST(LevelFlagTest, TakesOurWordsAndJournalctls) {
  const auto level = [](const char* text) { return *LevelFlag(text); };
  for (const char* const text : {"error", "ERROR", "err", "crit", "alert", "emerg", "0", "3"}) {
    EXPECT_EQ(level(text), v1::LEVEL_ERROR) << text;
  }
  for (const char* const text : {"warn", "warning", "4"}) EXPECT_EQ(level(text), v1::LEVEL_WARN);
  for (const char* const text : {"info", "notice", "5", "6"}) {
    EXPECT_EQ(level(text), v1::LEVEL_INFO) << text;
  }
  EXPECT_EQ(level("7"), v1::LEVEL_DEBUG);
  EXPECT_EQ(level("trace"), v1::LEVEL_TRACE);
  for (const char* const text : {"", "8", "-1", "loud", "warn "}) {
    EXPECT_FALSE(LevelFlag(text).ok()) << text;
  }
}

}  // namespace
}  // namespace sluice::cli
