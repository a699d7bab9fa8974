#include "proto/text/escape.h"

#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "proto/wire/utf8.h"

namespace sluice {
namespace {

using Append = void (*)(std::string_view, std::string*);

std::string With(Append append, std::string_view text) {
  std::string out;
  append(text, &out);
  return out;
}

TEST(LineEscapeTest, LeavesOrdinaryTextAlone) {
  EXPECT_EQ(With(AppendEscaped, "Added user: az\"ure é 漢 🚀"), "Added user: az\"ure é 漢 🚀");
}

TEST(LineEscapeTest, EscapesWhatBreaksALineOrATerminal) {
  EXPECT_EQ(With(AppendEscaped, std::string_view("a\nb\r\t\0c", 7)), "a\\nb\\r\\t\\0c");
  EXPECT_EQ(With(AppendEscaped, "\x1b[31m\x7f"), "\\u{1b}[31m\\u{7f}");
  EXPECT_EQ(With(AppendEscaped, "\xc2\x85\xc2\x9b"), "\\u{85}\\u{9b}");
  EXPECT_EQ(With(AppendEscaped, "\xe2\x80\xae\xe2\x81\xa6\xd8\x9c\xe2\x80\xa8"),
            "\\u{202e}\\u{2066}\\u{61c}\\u{2028}");
  EXPECT_EQ(With(AppendEscaped, "C:\\n"), "C:\\\\n");
}

// Format characters and what else shows nothing: of each kind one.
constexpr uint32_t kUnseen[] = {0xad,    0x34f,   0x600,   0x6dd,   0x115f,  0x17b4,  0x180b,
                                0x200b,  0x200d,  0x2060,  0x2064,  0x206f,  0x3164,  0xfe0f,
                                0xfeff,  0xffa0,  0xfff9,  0xfffb,  0x110bd, 0x13430, 0x1bca0,
                                0x1d173, 0xe0001, 0xe0041, 0xe007f, 0xe0100, 0xe0fff};

TEST(LineEscapeTest, EscapesWhatNobodySees) {
  for (const uint32_t c : kUnseen) {
    std::string text;
    AppendCodePoint(c, &text);
    for (const Append append : {AppendEscaped, AppendEscapedKey, AppendQuoted, AppendJsonString}) {
      const std::string escaped = With(append, text);
      EXPECT_EQ(escaped.find(text), std::string::npos) << std::hex << c;
      EXPECT_NE(escaped.find("\\u"), std::string::npos) << std::hex << c;
    }
    EXPECT_EQ(Unescape(With(AppendEscaped, text)), text);
  }
  EXPECT_EQ(With(AppendEscaped, "\xef\xbb\xbf_\xf3\xa0\x81\x81"), "\\u{feff}_\\u{e0041}");
}

TEST(LineEscapeTest, LeavesWhatStandsBesideTheUnseenAlone) {
  for (const uint32_t c :
       {0xa0u, 0xacu, 0xaeu, 0x350u, 0x606u, 0x2010u, 0x2027u, 0x202fu, 0x205fu, 0x2070u, 0xfdffu,
        0xfe10u, 0xfffcu, 0xfffdu, 0x1f680u, 0xdffffu, 0xe1000u}) {
    std::string text;
    AppendCodePoint(c, &text);
    EXPECT_EQ(With(AppendEscaped, text), text) << std::hex << c;
    EXPECT_EQ(With(AppendJsonString, text), "\"" + text + "\"") << std::hex << c;
  }
}

TEST(LineEscapeTest, EscapesEachByteThatIsNotUtf8) {
  EXPECT_EQ(With(AppendEscaped, "a\xff\xc3z"), "a\\xff\\xc3z");
  EXPECT_EQ(With(AppendQuoted, "\xed\xa0\x80"), "\"\\xed\\xa0\\x80\"");
}

TEST(LineEscapeTest, EscapesStructureInKeys) {
  EXPECT_EQ(With(AppendEscapedKey, "a b=c{\"}\n"), "a\\x20b\\x3dc\\x7b\\x22\\x7d\\n");
}

TEST(LineEscapeTest, QuotesAsRustDoes) {
  EXPECT_EQ(With(AppendQuoted, "az\"ure\nroot"), "\"az\\\"ure\\nroot\"");
  EXPECT_EQ(With(AppendQuoted, "e\xcc\x81\xe2\x80\x8d"), "\"e\\u{301}\\u{200d}\"");
}

TEST(LineEscapeTest, WritesJsonThatNeedsNoSecondLook) {
  EXPECT_EQ(With(AppendJsonString, "a\"\\\n\x1b\xe2\x80\xae"), "\"a\\\"\\\\\\n\\u001b\\u202e\"");
  EXPECT_EQ(With(AppendJsonString, "\xf3\xa0\x81\x81"), "\"\\udb40\\udc41\"");
  EXPECT_EQ(With(AppendJsonString, "\xff\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(LineEscapeTest, ShowsWhatIsHiddenInJsonAndChangesNothingElse) {
  const std::string json = "{\"a\": [1,\n\"\\n\\\\ \\\"Ã©\"]}";
  EXPECT_EQ(With(AppendJsonShowingAll, json), json);
  EXPECT_EQ(With(AppendJsonShowingAll, "\"\xc2\x9b\xe2\x80\xae\x7f\""),
            "\"\\u009b\\u202e\\u007f\"");
}

TEST(LineEscapeTest, UnescapeGivesBackEveryText) {
  for (uint32_t c = 0; c < 0x3000; ++c) {
    std::string text = "a";
    AppendCodePoint(c, &text);
    text += "\\u{41}0";
    EXPECT_EQ(Unescape(With(AppendEscaped, text)), text) << c;
    EXPECT_EQ(Unescape(With(AppendEscapedKey, text)), text) << c;
    const std::string quoted = With(AppendQuoted, text);
    EXPECT_EQ(Unescape(quoted.substr(1, quoted.size() - 2)), text) << c;
  }
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text = {'x', static_cast<char>(byte), '1'};
    EXPECT_EQ(Unescape(With(AppendEscaped, text)), text) << byte;
  }
}

TEST(LineEscapeTest, UnescapeRefusesWhatIsNotOurs) {
  for (const char* text : {"\\", "\\q", "\\x4", "\\xzz", "\\u{", "\\u{110000}", "\\u{}", "\\u41"}) {
    EXPECT_EQ(Unescape(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace sluice
