#include "agent/filter/redaction.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::filter {
namespace {

std::string Applied(const Redaction& redaction, std::string text) {
  const bool is_covered = redaction.CoversText(text);
  EXPECT_EQ(redaction.Apply(&text) > 0, is_covered);
  return text;
}

TEST(RedactionTest, CoversWholeKeysAndPartsOfText) {
  const auto redaction = *Redaction::Compile(
      {"key=gen_ai\\.(input|output)\\.messages", "key=(?i).*password", "value=ey[A-Za-z0-9_.-]+"});
  EXPECT_TRUE(redaction->CoversKey("gen_ai.input.messages"));
  EXPECT_TRUE(redaction->CoversKey("db.PASSWORD"));
  EXPECT_FALSE(redaction->CoversKey("gen_ai.input.messages.count"));
  EXPECT_FALSE(redaction->CoversKey(""));
  EXPECT_EQ(Applied(*redaction, "token eyJhbGciOi and eyJ0, end"),
            "token [redacted] and [redacted], end");
  EXPECT_EQ(Applied(*redaction, "nothing"), "nothing");
}

TEST(RedactionTest, IsNothingWithoutRules) { EXPECT_EQ(*Redaction::Compile({}), nullptr); }

TEST(RedactionTest, NamesTheRuleThatIsNone) {
  const auto wrong = [](const std::string& rule) {
    return std::string(Redaction::Compile({"key=good", rule}).status().message());
  };
  EXPECT_EQ(wrong("password"), "`password`: begins neither with `key=` nor with `value=`");
  EXPECT_THAT(wrong("key=("), ::testing::StartsWith("`key=(`: "));
  EXPECT_EQ(wrong("value=a*"), "`value=a*`: matches where there is nothing");
  EXPECT_THAT(wrong("key=" + std::string(2000, 'a')), ::testing::HasSubstr("longer than 1024"));
  EXPECT_FALSE(Redaction::Compile(std::vector<std::string>(65, "key=a")).ok());
}

}  // namespace
}  // namespace sluice::filter
