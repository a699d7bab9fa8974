#include "agent/control/line_cursor.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::control {
namespace {

const std::string kEpoch(
    "\x00\x01\xfe\xff"
    "0123456789ab",
    16);

TEST(LineCursorTest, ComesBackFromItsText) {
  for (const LinePlace place :
       {LinePlace{0, 0}, LinePlace{7, 3}, LinePlace{UINT64_MAX, UINT32_MAX}, LinePlace{7, 3, 2}}) {
    const auto cursor = ParseCursor(FormatCursor({kEpoch, place}));
    ASSERT_TRUE(cursor.has_value());
    EXPECT_EQ(cursor->epoch, kEpoch);
    EXPECT_EQ(cursor->next, place);
  }
  EXPECT_EQ(FormatCursor({kEpoch, {7, 3}}), "0001feff303132333435363738396162.7.3");
  EXPECT_EQ(FormatCursor({kEpoch, {7, 3, 2}}), "0001feff303132333435363738396162.7.3.2");
}

TEST(LineCursorTest, OtherTextIsNone) {
  const std::string epoch = "0001feff303132333435363738396162";
  for (const std::string& text :
       {std::string(), epoch, epoch + ".1", epoch + ".1.2.3.4", epoch + ".1.2.x", epoch + ".1.",
        epoch + "..2", epoch + ".x.2", epoch + ".1.4294967296", epoch + ".18446744073709551616.0",
        epoch + ".-1.0", "0" + epoch + ".1.2", epoch.substr(1) + ".1.2",
        "g" + epoch.substr(1) + ".1.2", "A" + epoch.substr(1) + ".1.2"}) {
    EXPECT_FALSE(ParseCursor(text).has_value()) << text;
  }
}

TEST(LineCursorTest, PlacesAreInTheOrderOfTheJournal) {
  EXPECT_LT((LinePlace{1, 9}), (LinePlace{2, 0}));
  EXPECT_LT((LinePlace{2, 0}), (LinePlace{2, 1}));
  EXPECT_LT((LinePlace{2, 0, 9}), (LinePlace{2, 1}));
}

}  // namespace
}  // namespace sluice::control
