#include "client/cli/emit/attribute.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "proto/record/limits.h"

namespace sluice::cli {
namespace {

template <typename T>
void ExpectValue(std::string_view text, std::string_view key, const T& value) {
  const Result<Attribute> attribute = ParseAttribute(text);
  ASSERT_TRUE(attribute.ok()) << text << ": " << attribute.failure().message;
  EXPECT_EQ(attribute->key, key);
  ASSERT_TRUE(std::holds_alternative<T>(attribute->value)) << text;
  EXPECT_EQ(std::get<T>(attribute->value), value);
}

TEST(AttributeTest, IsAStringUnlessATypeIsNamed) {
  ExpectValue<std::string>("disk=sda1", "disk", "sda1");
  ExpectValue<std::string>("n=5", "n", "5");
  ExpectValue<std::string>("empty=", "empty", "");
  ExpectValue<std::string>("n:string=5", "n", "5");
}

TEST(AttributeTest, SplitsAtTheFirstEqualsSign) { ExpectValue<std::string>("a=b=c", "a", "b=c"); }

TEST(AttributeTest, TakesTypedValues) {
  ExpectValue<int64_t>("n:int=-9223372036854775808", "n", std::numeric_limits<int64_t>::min());
  ExpectValue<int64_t>("n:int=9223372036854775807", "n", std::numeric_limits<int64_t>::max());
  ExpectValue<int64_t>("n:int=+5", "n", 5);
  ExpectValue<double>("n:double=-1.5e3", "n", -1500.0);
  ExpectValue<bool>("n:bool=true", "n", true);
  ExpectValue<bool>("n:bool=false", "n", false);
}

TEST(AttributeTest, KeepsColonsOfAKeyThatNamesItsType) {
  ExpectValue<std::string>("k8s:pod:string=web", "k8s:pod", "web");
}

TEST(AttributeTest, RefusesWhatItCannotMean) {
  for (const char* text :
       {"", "=", "=value", "key", "n:int=", "n:int=5x", "n:int=9223372036854775808", "n:int=+-5",
        "n:int=1.0", "n:double=", "n:double=1,5", "n:bool=yes", "n:bool=1", "n:what=5", ":int=5",
        "k8s:pod=web", "sluice.uid=0", "sluice.uid:int=0"}) {
    const Result<Attribute> attribute = ParseAttribute(text);
    ASSERT_FALSE(attribute.ok()) << text;
    EXPECT_EQ(attribute.failure().code, kExitUsage) << text;
  }
}

TEST(AttributesTest, LetsTheLastOfAKeyCountInTheFirstsPlace) {
  const auto attributes = ParseAttributes("--attr", {"a=1", "b=2", "a:int=3"});
  ASSERT_TRUE(attributes.ok());
  ASSERT_EQ(attributes->size(), 2u);
  EXPECT_EQ((*attributes)[0].key, "a");
  EXPECT_EQ(std::get<int64_t>((*attributes)[0].value), 3);
}

std::vector<std::string> Distinct(size_t count) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < count; ++i) texts.push_back("k" + std::to_string(i) + "=v");
  return texts;
}

TEST(AttributesTest, TakesAsManyAsARecordHolds) {
  EXPECT_TRUE(ParseAttributes("--attr", Distinct(limits::kAttributes - 1)).ok());
  EXPECT_TRUE(ParseAttributes("--attr", Distinct(limits::kAttributes)).ok());
  EXPECT_FALSE(ParseAttributes("--attr", Distinct(limits::kAttributes + 1)).ok());
}

}  // namespace
}  // namespace sluice::cli
