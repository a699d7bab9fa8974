#include "client/cli/kvp/host_xml.h"

#include <gtest/gtest.h>

namespace sluice::kvp {
namespace {

std::string ItemXml(const std::string& name, const std::string& data) {
  return "<INSTANCE CLASSNAME=\"Msvm_KvpExchangeDataItem\"><PROPERTY NAME=\"Caption\" "
         "TYPE=\"string\">"
         "</PROPERTY><PROPERTY NAME=\"Data\" TYPE=\"string\"><VALUE>" +
         data + "</VALUE></PROPERTY><PROPERTY NAME=\"Name\" TYPE=\"string\"><VALUE>" + name +
         "</VALUE></PROPERTY><PROPERTY NAME=\"Source\" TYPE=\"uint16\"><VALUE>0</VALUE></PROPERTY>"
         "</INSTANCE>\r\n";
}

std::string Utf16(const std::string& ascii) {
  std::string out = "\xff\xfe";
  for (const char c : ascii) out += {c, '\0'};
  return out;
}

TEST(HostXmlTest, ReadsTheItemsInTheirOrder) {
  const auto image = ReadHostXml(ItemXml("a", "1 &lt; 2 &amp;&#x41;") + ItemXml("b", "x"));
  ASSERT_TRUE(image);
  ASSERT_EQ(image->size(), 2u);
  EXPECT_EQ(image->record(0), (Pair{"a", "1 < 2 &A"}));
  EXPECT_EQ(image->record(1), (Pair{"b", "x"}));
}

TEST(HostXmlTest, ReadsWhatPowerShellWrites) {
  std::string text = Utf16(ItemXml("k", "@"));
  const std::string emoji = {'\x3d', '\xd8', '\x00', '\xde'};
  text.replace(text.find('@'), 2, emoji);
  const auto image = ReadHostXml(text);
  ASSERT_TRUE(image);
  EXPECT_EQ(image->record(0).value, "\xf0\x9f\x98\x80");
  EXPECT_TRUE(ReadHostXml("\xef\xbb\xbf" + ItemXml("k", "v")));
}

TEST(HostXmlTest, LeavesWhatIsNoEntity) {
  const auto image = ReadHostXml(ItemXml("k", "a & b &nbsp; &#xd800; &#0; &"));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->record(0).value, "a & b &nbsp; &#xd800; &#0; &");
}

TEST(HostXmlTest, IsNoneWithoutItems) {
  EXPECT_FALSE(ReadHostXml(""));
  EXPECT_FALSE(ReadHostXml("<xml/>"));
  EXPECT_FALSE(ReadHostXml(ItemXml("k", "v").substr(0, 200)));
  EXPECT_FALSE(ReadHostXml("\xff\xfe"));
}

}  // namespace
}  // namespace sluice::kvp
