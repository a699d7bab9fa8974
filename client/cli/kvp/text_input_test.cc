#include "client/cli/kvp/text_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

// `key=value` joined by ` & `, or the failure.
std::string Shown(const Result<std::vector<kvp::KeyValue>>& pairs) {
  if (!pairs.ok()) return pairs.failure().message;
  std::string shown;
  for (const kvp::KeyValue& pair : *pairs) {
    shown += (shown.empty() ? "" : " & ") + pair.key + "=" + pair.value;
  }
  return shown;
}

TEST(SupportingDataTest, ReadsWhatLibazureinitKvpReads) {
  const std::pair<const char*, const char*> cases[] = {
      {"k1='a,b',k2=v2", "k1=a,b & k2=v2"},
      {"k1=\"a,b\",k2=v2", "k1=a,b & k2=v2"},
      {"k=a'b", "k=a'b"},
      {"k=v,", "k=v"},
      {",k=v", "k=v"},
      {"k1=v1,,k2=v2", "k1=v1 & k2=v2"},
      {"k=''", "k="},
      {"k=", "k="},
      {"k=a=b", "k=a=b"},
      {"", ""},
      {"novalue", "supporting data 'novalue' must be in key=value format"},
      {"k=v,novalue", "supporting data 'novalue' must be in key=value format"},
      {"=v", "supporting data '=v' has an empty key"},
      {"k1='a,b", "supporting data 'k1='a,b' has an unterminated quote"},
      {"k1='a,b'x", "supporting data 'k1='a,b'x' has unexpected characters after a quoted value"},
  };
  for (const auto& [text, shown] : cases) EXPECT_EQ(Shown(ParseSupportingData(text)), shown);
}

TEST(RecordLinesTest, SplitsAtTheFirstEqualsSign) {
  EXPECT_EQ(Shown(ParseRecordLines("x=2\n\ny=3=4\r\nz=")), "x=2 & y=3=4 & z=");
  EXPECT_EQ(Shown(ParseRecordLines("")), "");
  EXPECT_EQ(Shown(ParseRecordLines("x=2\n\nnovalue\n")), "line 3 must be in key=value format");
}

}  // namespace
}  // namespace sluice::cli
