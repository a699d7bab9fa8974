#include "client/cli/render/text.h"

#include <gtest/gtest.h>

#include <limits>

#include "client/cli/render/json_writer.h"
#include "client/cli/render/table.h"

namespace sluice::cli {
namespace {

TEST(EscapeControlsTest, LetsNothingMoveTheCursor) {
  EXPECT_EQ(EscapeControls("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(EscapeControls("\x1b[31mred"), "\\u{1b}[31mred");
  EXPECT_EQ(EscapeControls("a\xff"), "a\\xff");
}

TEST(EscapeControlsTest, LeavesBackslashesAlone) {
  EXPECT_EQ(EscapeControls("C:\\a\n\\\\\"\\"), "C:\\a\\n\\\\\"\\");
}

TEST(EscapeControlsTest, LeavesTextOfAnyLanguageAlone) {
  EXPECT_EQ(EscapeControls("h\xc3\xa9 \xf0\x9f\x98\x80"), "h\xc3\xa9 \xf0\x9f\x98\x80");
}

TEST(WidthTest, IsThatOfATerminal) {
  EXPECT_EQ(TextWidth("plain"), 5u);
  EXPECT_EQ(TextWidth("naïve"), 5u);
  EXPECT_EQ(TextWidth("nai\u0308ve"), 5u);
  EXPECT_EQ(TextWidth("日本語"), 6u);
  EXPECT_EQ(TextWidth("ﾊﾝｶｸ"), 4u);
  EXPECT_EQ(TextWidth("한국"), 4u);
  EXPECT_EQ(TextWidth("a🚀b"), 4u);
  EXPECT_EQ(TextWidth("\x1b[31mred\x1b[0m"), 3u);
  EXPECT_EQ(TextWidth("\xff\xfe"), 2u);
}

TEST(WidthTest, WhatIsCutIsNoWider) {
  const TextStyle style = {.unicode = true, .width = 7};
  EXPECT_EQ(CutToWidth("日本語日本語", 7, style), "日本語…");
  EXPECT_EQ(CutToWidth("日本語日本語", 6, style), "日本…");
  EXPECT_EQ(CutToWidth("e\u0301e\u0301e\u0301e\u0301", 3, style), "e\u0301e\u0301…");
  EXPECT_EQ(Fold("日本語日本語", 0, style), "日本語\n  日本\n  語");
  EXPECT_EQ(Fold("日本", 1, {.unicode = true, .width = 1}), " 日\n   本");
}

TEST(QuoteTest, QuotesOnlyWhereAReaderNeedsIt) {
  EXPECT_EQ(QuoteIfNeeded("plain"), "plain");
  EXPECT_EQ(QuoteIfNeeded(""), "\"\"");
  EXPECT_EQ(QuoteIfNeeded("two words"), "\"two words\"");
  EXPECT_EQ(QuoteIfNeeded("a=\"b\""), "\"a=\\\"b\\\"\"");
  EXPECT_EQ(QuoteIfNeeded("C:\\"), "\"C:\\\\\"");
}

TEST(DurationTest, HasThreeDigitsAndItsUnit) {
  EXPECT_EQ(FormatDuration(0), "0 ns");
  EXPECT_EQ(FormatDuration(999), "999 ns");
  EXPECT_EQ(FormatDuration(1'000), "1.00 us");
  EXPECT_EQ(FormatDuration(12'345), "12.3 us");
  EXPECT_EQ(FormatDuration(4'520'000), "4.52 ms");
  EXPECT_EQ(FormatDuration(123'400'000), "123 ms");
  EXPECT_EQ(FormatDuration(59'990'000'000), "60.0 s");
  EXPECT_EQ(FormatDuration(125'000'000'000), "2m05s");
  EXPECT_EQ(FormatDuration(3'600'000'000'000), "1h00m");
}

TEST(TimeTest, IsUtcWithMicroseconds) {
  EXPECT_EQ(FormatTime(1'763'632'673'502'904'999), "2025-11-20T09:57:53.502904Z");
  EXPECT_EQ(FormatTimeOfDay(1'763'632'673'502'904'999), "09:57:53.502904");
  EXPECT_EQ(FormatTime(0), "-");
  EXPECT_EQ(FormatTimeOfDay(0), "-");
}

TEST(TimeTest, TakesTheLastMomentThereIs) {
  EXPECT_EQ(FormatTime(UINT64_MAX), "2554-07-21T23:34:33.709551Z");
}

TEST(BytesTest, AreInBinaryUnits) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1024), "1.0 KiB");
  EXPECT_EQ(FormatBytes(1024 * 1024 - 1), "1.0 MiB");
  EXPECT_EQ(FormatBytes(256ull << 20), "256.0 MiB");
}

TEST(TableTest, AlignsAllButTheLastColumn) {
  Table table("Head");
  table.Row({"a", "\xc3\xa9", "x"});
  table.Row({"bcd", "ef", "long text"});
  table.Row({"g", "", ""});
  EXPECT_EQ(table.Render(), "Head\n  a    \xc3\xa9   x\n  bcd  ef  long text\n  g\n");
}

TEST(TableTest, IsNothingWithoutRows) { EXPECT_EQ(Table("Head").Render(), ""); }

TEST(JsonWriterTest, WritesNestedValues) {
  JsonWriter json;
  json.BeginObject();
  json.Key("a");
  json.BeginArray();
  json.Int(-1);
  json.Uint(UINT64_MAX);
  json.Double(0.5);
  json.Null();
  json.EndArray();
  json.Key("b");
  json.BeginObject();
  json.EndObject();
  json.Key("c");
  json.Bool(true);
  json.EndObject();
  EXPECT_EQ(json.Finish(),
            "{\n  \"a\": [\n    -1,\n    18446744073709551615,\n    0.5,\n    null\n  ],\n"
            "  \"b\": {},\n  \"c\": true\n}\n");
}

TEST(JsonWriterTest, EscapesKeysAndStrings) {
  JsonWriter json;
  json.BeginObject();
  json.Key("q\"");
  json.String("b\\ n\n e\x1b i\xff");
  json.EndObject();
  EXPECT_EQ(json.Finish(), "{\n  \"q\\\"\": \"b\\\\ n\\n e\\u001b i\xef\xbf\xbd\"\n}\n");
}

TEST(JsonWriterTest, HasNoNumberForInfinity) {
  JsonWriter json;
  json.BeginArray();
  json.Double(std::numeric_limits<double>::infinity());
  json.Double(std::numeric_limits<double>::quiet_NaN());
  json.EndArray();
  EXPECT_EQ(json.Finish(), "[\n  \"Infinity\",\n  \"NaN\"\n]\n");
}

}  // namespace
}  // namespace sluice::cli
