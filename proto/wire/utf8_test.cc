#include "proto/wire/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

using namespace std::string_literals;

std::string Valid(std::string_view text) {
  std::string out;
  AppendValidUtf8(text, &out);
  return out;
}

std::string Encoded(char32_t code_point) {
  std::string out;
  AppendCodePoint(code_point, &out);
  return out;
}

constexpr char kFffd[] = "\xef\xbf\xbd";

TEST(Utf8Test, TakesTheFirstAndLastCodePointOfEveryLength) {
  for (const char32_t code_point : {U'\0', U'\x7f', U'\x80', U'\x7ff', U'\x800', U'\ud7ff',
                                    U'\ue000', U'\uffff', U'\U00010000', U'\U0010ffff'}) {
    const std::string text = Encoded(code_point);
    EXPECT_TRUE(IsValidUtf8(text)) << std::hex << static_cast<uint32_t>(code_point);
    const Utf8Unit unit = DecodeUtf8(text);
    EXPECT_EQ(unit.size, text.size());
    EXPECT_EQ(unit.code_point, code_point);
  }
}

TEST(Utf8Test, SeesEveryByteThatIsNotAscii) {
  for (size_t size = 0; size <= 100; ++size) {
    std::string text(size, 'x');
    EXPECT_TRUE(IsAscii(text)) << size;
    for (size_t at = 0; at < size; ++at) {
      text[at] = '\x80';
      EXPECT_FALSE(IsAscii(text)) << at << " of " << size;
      text[at] = 'x';
    }
  }
}

TEST(Utf8Test, RejectsWhatUnicodeRejects) {
  EXPECT_FALSE(IsValidUtf8("\xc0\x80")) << "overlong NUL";
  EXPECT_FALSE(IsValidUtf8("\xc1\xbf")) << "overlong DEL";
  EXPECT_FALSE(IsValidUtf8("\xe0\x9f\xbf")) << "overlong U+07FF";
  EXPECT_FALSE(IsValidUtf8("\xf0\x8f\xbf\xbf")) << "overlong U+FFFF";
  EXPECT_FALSE(IsValidUtf8("\xed\xa0\x80")) << "U+D800";
  EXPECT_FALSE(IsValidUtf8("\xed\xbf\xbf")) << "U+DFFF";
  EXPECT_FALSE(IsValidUtf8("\xf4\x90\x80\x80")) << "U+110000";
  EXPECT_FALSE(IsValidUtf8("\xf5\x80\x80\x80"));
  EXPECT_FALSE(IsValidUtf8("\x80"));
  EXPECT_FALSE(IsValidUtf8("abc\xc3")) << "cut off";
}

TEST(Utf8Test, SeesOneBadByteAtEveryPlace) {
  for (size_t size = 1; size <= 40; ++size) {
    EXPECT_TRUE(IsValidUtf8(std::string(size, 'a')));
    for (size_t at = 0; at < size; ++at) {
      std::string text(size, 'a');
      text[at] = '\xff';
      EXPECT_FALSE(IsValidUtf8(text)) << at << " of " << size;
    }
  }
}

TEST(Utf8Test, ReplacesEachMaximalInvalidSubpartOnce) {
  EXPECT_EQ(Valid("plain é"), "plain é");
  EXPECT_EQ(Valid("a\x80"s + "b"), "a"s + kFffd + "b");
  EXPECT_EQ(Valid("\xf0\x9f\x98"s + "x"), kFffd + "x"s) << "a cut emoji is one subpart";
  EXPECT_EQ(Valid("\xe2\x82"), kFffd);
  EXPECT_EQ(Valid("\xed\xa0\x80"), ""s + kFffd + kFffd + kFffd) << "no byte of a surrogate agrees";
  EXPECT_EQ(Valid("\xc0\xaf"), ""s + kFffd + kFffd);
  // The example of the Unicode standard, table 3-8.
  EXPECT_EQ(Valid("\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64"),
            "a"s + kFffd + kFffd + kFffd + "b" + kFffd + "c" + kFffd + kFffd + "d");
}

TEST(Utf8Test, FindsTheBoundaryAtOrBelowTheLimit) {
  const std::string text = "aé😀b";  // 1, 2, 4 and 1 bytes
  EXPECT_EQ(Utf8Boundary(text, 0), 0u);
  EXPECT_EQ(Utf8Boundary(text, 1), 1u);
  EXPECT_EQ(Utf8Boundary(text, 2), 1u);
  EXPECT_EQ(Utf8Boundary(text, 3), 3u);
  EXPECT_EQ(Utf8Boundary(text, 6), 3u);
  EXPECT_EQ(Utf8Boundary(text, 7), 7u);
  EXPECT_EQ(Utf8Boundary(text, 8), 8u);
  EXPECT_EQ(Utf8Boundary(text, 9), 8u);
}

TEST(Utf8Test, CutsBytesThatAreNotTextAtTheLimit) {
  EXPECT_EQ(Utf8Boundary(std::string(20, '\x80'), 10), 10u);
}

}  // namespace
}  // namespace sluice
