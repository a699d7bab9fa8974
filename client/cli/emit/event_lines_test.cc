#include "client/cli/emit/event_lines.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

using Lines = std::vector<std::string_view>;

TEST(LineCutterTest, LinesAreWholeHoweverTheyArrive) {
  LineCutter cutter;
  EXPECT_EQ(cutter.Add("on"), Lines{});
  EXPECT_EQ(cutter.Add("e\ntwo\r\n\n\r\nthr"), (Lines{"one", "two"}));
  EXPECT_EQ(cutter.Rest(), "thr");
  EXPECT_EQ(cutter.Add("ee\n"), Lines{"three"});
  EXPECT_EQ(cutter.Rest(), "");
}

TEST(LineCutterTest, ALongLineComesInPieces) {
  const std::string long_line(2 * LineCutter::kLineBytes + 10, 'x');
  LineCutter cutter;
  const Lines pieces = cutter.Add(long_line + "\nnext\n");
  ASSERT_EQ(pieces.size(), 4u);
  EXPECT_EQ(pieces[0].size(), LineCutter::kLineBytes);
  EXPECT_EQ(pieces[2].size(), 10u);
  EXPECT_EQ(pieces[3], "next");
}

TEST(LineCutterTest, NoCodePointIsCutInTwo) {
  std::string text(LineCutter::kLineBytes - 1, 'x');
  text += "\xc3\xa4" + std::string("rest");
  LineCutter cutter;
  const Lines pieces = cutter.Add(text);
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_EQ(pieces[0].size(), LineCutter::kLineBytes - 1);
  EXPECT_EQ(cutter.Rest(), "\xc3\xa4rest");
}

}  // namespace
}  // namespace sluice::cli
