#include "agent/sinks/otlp/signal_batch.h"

#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "sluice/otlp/v1/collector.pb.h"
#include "tests/support/otlp/span_names.h"

namespace sluice::otlp {
namespace {

std::string RequestOf(const SignalBatch& batch, size_t begin, size_t end) {
  Request request;
  batch.Cut(begin, end, &request);
  std::string text = absl::StrJoin(request.pieces, "");
  EXPECT_EQ(text.size(), request.bytes);
  return text;
}

std::string RequestOf(const SignalBatch& batch) { return RequestOf(batch, 0, batch.size()); }

std::string EncodedScope(const std::vector<std::string>& names, const std::string& schema_url) {
  v1::ScopeSpans scope;
  for (const std::string& name : names) scope.add_spans()->set_name(name);
  scope.set_schema_url(schema_url);
  return scope.SerializeAsString();
}

std::string ItemsIn(const std::string& request) { return absl::StrJoin(SpanNamesIn(request), " "); }

class SignalBatchTest : public ::testing::Test {
 protected:
  void Add(const std::string& key, const std::string& encoded) {
    SignalBatch::Group* group = batch_.Find(key);
    if (group == nullptr) group = batch_.Add(key, {5, "", "", ""});
    batch_.AddItemsOf(group, {}, encoded);
  }

  SignalBatch batch_;
};

// What stands between items belongs to the scope, and repeats as often as a sender likes.
TEST_F(SignalBatchTest, TakesItemsFromWhereverTheyStandInAScope) {
  Add("a", EncodedScope({"1", "2"}, "url") + EncodedScope({}, "url") + EncodedScope({"3"}, "url") +
               EncodedScope({"4"}, ""));
  EXPECT_EQ(batch_.size(), 4u);
  EXPECT_EQ(ItemsIn(RequestOf(batch_)), "1 2 3 4");
  EXPECT_EQ(ItemsIn(RequestOf(batch_, 1, 3)), "2 3");
  EXPECT_GE(batch_.bytes(), RequestOf(batch_).size());
}

TEST_F(SignalBatchTest, TakesNoItemThatIsCutOff) {
  const std::string whole = EncodedScope({"1", "2"}, "");
  Add("a", whole.substr(0, whole.size() - 1));
  EXPECT_EQ(ItemsIn(RequestOf(batch_)), "1");
}

TEST_F(SignalBatchTest, NothingIsLeftOfWhatWasCleared) {
  Add("a", EncodedScope({"a1", "a2"}, ""));
  Add("b", EncodedScope({"b1"}, ""));
  batch_.Clear();
  EXPECT_TRUE(batch_.empty());
  EXPECT_EQ(RequestOf(batch_), "");
  Add("c", EncodedScope({"c1"}, ""));
  Add("d", EncodedScope({"d1", "d2"}, ""));
  Add("e", EncodedScope({"e1"}, ""));
  Add("c", EncodedScope({"c2"}, ""));
  EXPECT_EQ(ItemsIn(RequestOf(batch_)), "c1 c2 d1 d2 e1");
  EXPECT_EQ(batch_.size(), 5u);
}

}  // namespace
}  // namespace sluice::otlp
