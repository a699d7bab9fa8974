#include "proto/trace/resource_attributes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(ResourceAttributesTest, TakesPairsInOrder) {
  EXPECT_THAT(ParseResourceAttributes("a=1,b=2").pairs,
              ElementsAre(Pair("a", "1"), Pair("b", "2")));
  EXPECT_THAT(ParseResourceAttributes(" a = 1 ,, b=2, ").pairs,
              ElementsAre(Pair("a", "1"), Pair("b", "2")));
  EXPECT_THAT(ParseResourceAttributes("").pairs, IsEmpty());
  EXPECT_EQ(ParseResourceAttributes("").error, "");
}

TEST(ResourceAttributesTest, TakesWhatPeopleWriteAsItIs) {
  EXPECT_THAT(ParseResourceAttributes("env=my prod,a/b=1,q=\"x\",s=x;y,empty=,eq=a=b").pairs,
              ElementsAre(Pair("env", "my prod"), Pair("a/b", "1"), Pair("q", "\"x\""),
                          Pair("s", "x;y"), Pair("empty", ""), Pair("eq", "a=b")));
}

TEST(ResourceAttributesTest, DecodesKeysAndValues) {
  EXPECT_THAT(ParseResourceAttributes("a%2Cb%3d=%C3%A9%20%25").pairs,
              ElementsAre(Pair("a,b=", "\u00e9 %")));
}

TEST(ResourceAttributesTest, TheLastOfAKeyCounts) {
  EXPECT_THAT(ParseResourceAttributes("a=1,b=2,a=3").pairs,
              ElementsAre(Pair("b", "2"), Pair("a", "3")));
}

TEST(ResourceAttributesTest, TakesNothingOfATextThatCannotBeReadAndSaysWhy) {
  for (const auto& [text, error] :
       {std::pair("a=1,b", "'b' has no '='"), std::pair("a=1,=2", "'=2' has no key"),
        std::pair("a=1,b=%zz", "'b=%zz' is not percent-encoded UTF-8"),
        std::pair("a=1,b=%f", "'b=%f' is not percent-encoded UTF-8"),
        std::pair("a=1,b=%ff", "'b=%ff' is not percent-encoded UTF-8"),
        std::pair("a%=1", "'a%=1' is not percent-encoded UTF-8")}) {
    const ResourceAttributes attributes = ParseResourceAttributes(text);
    EXPECT_THAT(attributes.pairs, IsEmpty()) << text;
    EXPECT_EQ(attributes.error, error);
  }
}

}  // namespace
}  // namespace sluice
