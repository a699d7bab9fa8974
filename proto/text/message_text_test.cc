#include "proto/text/message_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "proto/text/rust_debug.h"
#include "sluice/v1/record.pb.h"

namespace sluice {
namespace {

using otlp::v1::AnyValue;

template <typename T>
std::string RustDebug(T value) {
  std::string out;
  AppendRustDebug(value, &out);
  return out;
}

AnyValue& Add(v1::Record& record, const char* key) {
  auto* attribute = record.mutable_event()->add_attributes();
  attribute->set_key(key);
  return *attribute->mutable_value();
}

std::string Text(const v1::Record& record) {
  const std::string encoded = record.SerializeAsString();
  return MessageText(*ReadRecord(encoded));
}

TEST(RustDebugTest, QuotesAndEscapesText) {
  using namespace std::string_literals;
  EXPECT_EQ(RustDebug(std::string_view("q\"u\\o\t\n\0é\x1b"s)), "\"q\\\"u\\\\o\\t\\n\\0é\\u{1b}\"");
  EXPECT_EQ(RustDebug(std::string_view("it's 😀\r")), "\"it's 😀\\r\"");
  EXPECT_EQ(RustDebug(std::string_view("\u200d\u0301\x7f")), "\"\\u{200d}\\u{301}\\u{7f}\"");
  EXPECT_EQ(RustDebug(std::string_view("\u00a0\u2028\ue000\U000e0001\U0010ffff")),
            "\"\\u{a0}\\u{2028}\\u{e000}\\u{e0001}\\u{10ffff}\"");
  EXPECT_EQ(RustDebug(std::string_view("\xff")), "\"\xef\xbf\xbd\"");
  EXPECT_EQ(RustDebug(std::string_view("")), "\"\"");
}

TEST(RustDebugTest, EscapesTheEdgesOfItsTable) {
  EXPECT_TRUE(IsEscapedByRust(0x1f));
  EXPECT_FALSE(IsEscapedByRust(' '));
  EXPECT_FALSE(IsEscapedByRust('~'));
  EXPECT_TRUE(IsEscapedByRust(0x7f));
  EXPECT_TRUE(IsEscapedByRust(0xa0));
  EXPECT_FALSE(IsEscapedByRust(0xa1));
  EXPECT_TRUE(IsEscapedByRust(0xad));
  EXPECT_TRUE(IsEscapedByRust(0x9be)) << "extends a grapheme, though a spacing mark";
  EXPECT_FALSE(IsEscapedByRust(0x9bf));
  EXPECT_TRUE(IsEscapedByRust(0x10ffff));
}

TEST(RustDebugTest, PrintsNumbersAsRustDoes) {
  EXPECT_EQ(RustDebug(1.0), "1.0");
  EXPECT_EQ(RustDebug(-0.0), "-0.0");
  EXPECT_EQ(RustDebug(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(RustDebug(1e21), "1e21");
  EXPECT_EQ(RustDebug(1e16), "1e16");
  EXPECT_EQ(RustDebug(9007199254740993.0), "9007199254740992.0");
  EXPECT_EQ(RustDebug(1e15), "1000000000000000.0");
  EXPECT_EQ(RustDebug(0.0001), "0.0001");
  EXPECT_EQ(RustDebug(0.00001), "1e-5");
  EXPECT_EQ(RustDebug(-1.5e-7), "-1.5e-7");
  EXPECT_EQ(RustDebug(1.7976931348623157e308), "1.7976931348623157e308");
  EXPECT_EQ(RustDebug(5e-324), "5e-324");
  EXPECT_EQ(RustDebug(std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(RustDebug(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(RustDebug(-std::numeric_limits<double>::infinity()), "-inf");
}

TEST(MessageTextTest, PutsTheMessageFirstAndBare) {
  v1::Record record;
  record.mutable_event()->mutable_body()->set_string_value("a 1");
  EXPECT_EQ(Text(record), "message=a 1");
  Add(record, "path").set_string_value("/a b");
  EXPECT_EQ(Text(record), "message=a 1, path=\"/a b\"");
}

TEST(MessageTextTest, QuotesTextUnlessItIsMarked) {
  v1::Record record;
  record.mutable_event()->mutable_body()->set_string_value("Wireserver response header");
  Add(record, "header").set_string_value("content-type");
  Add(record, "value").set_string_value("application/json");
  Add(record, "retries").set_string_value("Some(1)");
  record.add_bare_attributes(0);
  record.add_bare_attributes(2);
  EXPECT_EQ(Text(record),
            "message=Wireserver response header, header=content-type, "
            "value=\"application/json\", retries=Some(1)");
}

TEST(MessageTextTest, PrintsAttributesAloneWhereThereIsNoMessage) {
  v1::Record record;
  Add(record, "msg").set_string_value("Event message");
  EXPECT_EQ(Text(record), "msg=\"Event message\"");
  record.Clear();
  record.mutable_event();
  EXPECT_EQ(Text(record), "");
}

TEST(MessageTextTest, PrintsEveryType) {
  v1::Record record;
  Add(record, "b").set_bool_value(true);
  Add(record, "i").set_int_value(-5);
  Add(record, "d").set_double_value(1);
  Add(record, "raw").set_bytes_value(std::string("\x01\xff", 2));
  Add(record, "none");
  auto* array = Add(record, "array").mutable_array_value();
  array->add_values()->set_string_value("x");
  array->add_values()->set_int_value(2);
  auto* pair = Add(record, "map").mutable_kvlist_value()->add_values();
  pair->set_key("k");
  pair->mutable_value()->set_string_value("v");
  record.add_bare_attributes(6);
  EXPECT_EQ(Text(record),
            "b=true, i=-5, d=1.0, raw=[01 ff], none=null, array=[\"x\", 2], map={\"k\": \"v\"}");
}

TEST(MessageTextTest, StopsAtTheDepthThatIsAdmitted) {
  v1::Record record;
  AnyValue* value = record.mutable_event()->mutable_body();
  for (int i = 0; i < 40; ++i) value = value->mutable_array_value()->add_values();
  EXPECT_EQ(Text(record), "message=" + std::string(17, '[') + std::string(17, ']'));
}

}  // namespace
}  // namespace sluice
