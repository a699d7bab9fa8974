#include "proto/kvp/store.h"

#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "proto/kvp/slot.h"

namespace sluice::kvp {
namespace {

// A record whose fields begin with these bytes; the rest is zero.
std::string RecordOf(std::string_view key, std::string_view value) {
  std::string record(kRecordBytes, '\0');
  record.replace(0, key.size(), key);
  record.replace(kKeyBytes, value.size(), value);
  return record;
}

TEST(HoleTest, IsARecordWithoutText) {
  EXPECT_TRUE(IsHole(RecordOf("", "")));
  EXPECT_TRUE(IsHole(RecordOf({"\0left", 5}, {"\0over", 5}))) << "what a host SET left behind";
}

TEST(HoleTest, IsNoRecordWithEither) {
  EXPECT_FALSE(IsHole(RecordOf("key", "value")));
  EXPECT_FALSE(IsHole(RecordOf("key", "")));
  EXPECT_FALSE(IsHole(RecordOf("", "value")));
  EXPECT_FALSE(IsHole(RecordOf({"\0left", 5}, "value")));
}

}  // namespace
}  // namespace sluice::kvp
