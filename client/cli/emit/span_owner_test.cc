#include "client/cli/emit/span_owner.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sluice::cli {
namespace {

TEST(SpanOwnerTest, ANameOfAnyBytesMovesNoField) {
  const auto stat = ParseProcessStat(
      "42 (a) R 7 (x) S 1 42 42 34816 5 4194304 0 0 0 0 1 2 3 4 20 0 1 0 777 0 0 0 10 11 4242 0\n");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->parent, 1);
  EXPECT_EQ(stat->start_time_ticks, 777u);
  EXPECT_EQ(stat->start_stack, 4242u);
}

TEST(SpanOwnerTest, WhatIsCutOffIsNoStat) {
  for (const char* text : {"", "42", "42 (a) S 1", "42 (a", "42 (a) S x 42 42 0"}) {
    EXPECT_FALSE(ParseProcessStat(text)) << text;
  }
}

TEST(SpanOwnerTest, AProcessThatIsGoneOwnsNothing) {
  const auto own = OwnerWithPid(getpid());
  ASSERT_TRUE(own);
  EXPECT_TRUE(Lives(*own));
  EXPECT_FALSE(Lives({.pid = own->pid, .start_time_ticks = own->start_time_ticks + 1}));
  const pid_t child = fork();
  if (child == 0) _exit(0);
  siginfo_t ended;
  waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT);
  EXPECT_FALSE(OwnerWithPid(child)) << "nor before it is waited for";
  waitpid(child, nullptr, 0);
  EXPECT_FALSE(OwnerWithPid(child));
}

}  // namespace
}  // namespace sluice::cli
