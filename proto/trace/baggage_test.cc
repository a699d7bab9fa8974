#include "proto/trace/baggage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

BaggageMember Member(std::string key, std::string value, std::string properties = "") {
  return {std::move(key), std::move(value), std::move(properties)};
}

TEST(BaggageTest, ReadsMembersInOrder) {
  EXPECT_THAT(ParseBaggage("a=1,b=2"), ElementsAre(Member("a", "1"), Member("b", "2")));
  EXPECT_THAT(ParseBaggage(" a = 1 , \t b=2;p ; q = 3 "),
              ElementsAre(Member("a", "1"), Member("b", "2", "p;q=3")));
  EXPECT_THAT(ParseBaggage("a=x=y"), ElementsAre(Member("a", "x=y")));
  EXPECT_THAT(ParseBaggage("a="), ElementsAre(Member("a", "")));
}

TEST(BaggageTest, DecodesPercentSequences) {
  EXPECT_THAT(ParseBaggage("a=%20%C3%a9%25"), ElementsAre(Member("a", " é%")));
  EXPECT_THAT(ParseBaggage("a=50%,b=%4,c=%zz"),
              ElementsAre(Member("a", "50%"), Member("b", "%4"), Member("c", "%zz")));
  EXPECT_THAT(ParseBaggage("a=%ff"), ElementsAre(Member("a", "\xef\xbf\xbd")));
}

TEST(BaggageTest, LeavesMalformedMembersOut) {
  EXPECT_THAT(ParseBaggage(",a,=1,b c=1,(=1,ok=1,d=x y,e=\"q\",f=\\,g=\xc3\xa9"),
              ElementsAre(Member("ok", "1")));
  EXPECT_THAT(ParseBaggage("a=1;(bad;good"), ElementsAre(Member("a", "1", "good")));
  EXPECT_THAT(ParseBaggage(""), IsEmpty());
}

TEST(BaggageTest, EncodesWhatMayNotTravel) {
  EXPECT_EQ(FormatBaggage({Member("a", " \",;\\%é\n~!")}), "a=%20%22%2C%3B%5C%25%C3%A9%0A~!");
  EXPECT_EQ(FormatBaggage({Member("a", "\xff")}), "a=%EF%BF%BD");
  EXPECT_EQ(FormatBaggage({Member("a", "1", "p=2"), Member("b", "")}), "a=1;p=2,b=");
}

TEST(BaggageTest, LeavesOutWhatCannotTravel) {
  EXPECT_EQ(FormatBaggage({Member("", "1"), Member("a b", "1"), Member("é", "1"),
                           Member("p", "1", "x,y=1"), Member("ok", "1")}),
            "ok=1");
}

TEST(BaggageTest, StopsAt64Members) {
  for (const size_t count : {63, 64, 65}) {
    std::string header;
    std::vector<BaggageMember> members;
    for (size_t i = 0; i < count; ++i) {
      members.push_back(Member("k" + std::to_string(i), "v"));
      header += "k" + std::to_string(i) + "=v,";
    }
    members.resize(std::min<size_t>(count, 64));
    EXPECT_EQ(ParseBaggage(header), members);
    EXPECT_EQ(ParseBaggage(FormatBaggage(ParseBaggage(header))), members);
    if (count == 65) {
      members.push_back(Member("last", "v"));
      EXPECT_EQ(FormatBaggage(members).find("last"), std::string::npos);
    }
  }
}

TEST(BaggageTest, StopsAt8192BytesAndNeverCutsAMember) {
  for (const size_t total : {8191, 8192, 8193}) {
    const std::string value(total - std::string("a=1,b=").size(), 'x');
    const std::vector<BaggageMember> members = {Member("a", "1"), Member("b", value)};
    const std::string whole = "a=1,b=" + value;
    EXPECT_EQ(FormatBaggage(members), total <= 8192 ? whole : "a=1");
    EXPECT_EQ(ParseBaggage(whole).size(), total <= 8192 ? 2u : 1u);
  }
}

TEST(BaggageTest, SelectsByKeyAndPrefixInTheOrderOfTheKeys) {
  const auto keys = [](std::string_view selection) {
    std::string keys;
    for (const BaggageMember& member :
         SelectBaggage(ParseBaggage("app.b=1,run=2,app.a=3,other=4"), selection)) {
      keys += member.key + ' ';
    }
    return keys;
  };
  EXPECT_EQ(keys("run, app.*"), "run app.b app.a ");
  EXPECT_EQ(keys("app.a,app.*,run,run"), "app.a app.b run ");
  EXPECT_EQ(keys("*"), "app.b run app.a other ");
  EXPECT_EQ(keys(""), "");
  EXPECT_EQ(keys(",absent, ,"), "");
}

}  // namespace
}  // namespace sluice
