#include "client/cli/render/value.h"

#include <gtest/gtest.h>

#include "sluice/otlp/v1/common.pb.h"

namespace sluice::cli {
namespace {

// One attribute `k`, of lists within lists.
std::string Nested(int depth) {
  otlp::v1::AnyValue value;
  for (int i = 0; i < depth; ++i) {
    otlp::v1::AnyValue outer;
    outer.mutable_array_value()->add_values()->Swap(&value);
    value.Swap(&outer);
  }
  otlp::v1::KeyValueList list;
  list.add_values()->set_key("k");
  list.mutable_values(0)->mutable_value()->Swap(&value);
  return list.SerializeAsString();
}

TEST(ValueTest, TellsNoMoreOfWhatNestsTooDeep) {
  for (const int depth : {3, 100, 1000}) {
    const std::string encoded = Nested(depth);
    const FieldRange attributes(encoded, key_value_list_field::kValues);
    const bool is_whole = depth < 100;
    const std::string text = FormatAttributes(attributes);
    EXPECT_EQ(text.find("...") == std::string::npos, is_whole);
    EXPECT_LT(text.size(), 300u);
    JsonWriter json;
    WriteAttributes(attributes, &json);
    EXPECT_EQ(json.Finish().find("...") == std::string::npos, is_whole);
  }
}

}  // namespace
}  // namespace sluice::cli
