#include "agent/sinks/otlp/signal_batch.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
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

std::string EncodedSpan(const std::string& name) {
  v1::Span span;
  span.set_name(name);
  return span.SerializeAsString();
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

// Items that were read into a block of memory.
class LentItemsTest : public SignalBatchTest {
 protected:
  // An encoded scope in a block of its own, whose items are named 1 to `count` behind `prefix`.
  journal::SharedBlock Read(const std::string& prefix, int count, size_t name_bytes,
                            size_t capacity = 1 << 20) {
    std::vector<std::string> names;
    for (int i = 1; i <= count; ++i) {
      names.push_back(prefix + std::to_string(i) + std::string(name_bytes, '.'));
      expected_.push_back(names.back());
    }
    const std::string scope = EncodedScope(names, "");
    auto block = std::make_shared<journal::Block>(std::max(capacity, scope.size()));
    scope.copy(block->data(), scope.size());
    last_ = {block->data(), scope.size()};
    return block;
  }
  void Lend(const journal::SharedBlock& block) {
    SignalBatch::Group* group = batch_.Find("a");
    if (group == nullptr) group = batch_.Add("a", {5, "", "", ""});
    batch_.AddItemsOf(group, {}, last_, &block);
  }
  // Whether every request that can be cut has the items that it should.
  void ExpectAllCuts() const {
    ASSERT_EQ(batch_.size(), expected_.size());
    for (size_t begin = 0; begin < batch_.size(); ++begin) {
      for (size_t end = begin + 1; end <= batch_.size(); ++end) {
        const std::vector<std::string> part(expected_.begin() + static_cast<long>(begin),
                                            expected_.begin() + static_cast<long>(end));
        ASSERT_EQ(ItemsIn(RequestOf(batch_, begin, end)), absl::StrJoin(part, " "));
      }
    }
    EXPECT_GE(batch_.bytes(), RequestOf(batch_).size());
  }

  std::vector<std::string> expected_;
  std::string_view last_;
};

TEST_F(LentItemsTest, AreNotCopiedAndLetGoOfWhenTheyWereSent) {
  const auto block = Read("x", 4, 2000);
  Lend(block);
  Request request;
  batch_.Cut(0, batch_.size(), &request);
  const auto is_in_block = [&](absl::string_view piece) {
    return piece.data() >= block->data() && piece.data() < block->data() + block->capacity();
  };
  EXPECT_TRUE(std::any_of(request.pieces.begin(), request.pieces.end(), is_in_block));
  EXPECT_EQ(block.use_count(), 2);
  batch_.Clear();
  EXPECT_EQ(block.use_count(), 1);
}

TEST_F(LentItemsTest, StandInOrderWithThoseThatAreCopied) {
  Lend(Read("few", 2, 10));
  Lend(Read("a", 3, 2000));
  Lend(Read("b", 3, 2000));
  Lend(Read("few", 1, 10));
  batch_.AddItem(batch_.Find("a"), {}, EncodedSpan("one"));
  expected_.push_back("one");
  Lend(Read("c", 2, 3000));
  batch_.AddItem(batch_.Find("a"), {}, EncodedSpan("two"));
  expected_.push_back("two");
  ExpectAllCuts();
}

TEST_F(LentItemsTest, OnesOfAScopeWithOtherFieldsBetweenThem) {
  auto block = std::make_shared<journal::Block>(1 << 20);
  const std::string name(5000, 'n');
  const std::string scope = EncodedScope({"1" + name, "2"}, "url") + EncodedScope({"3"}, "url") +
                            EncodedScope({"4" + name}, "");
  scope.copy(block->data(), scope.size());
  last_ = {block->data(), scope.size()};
  expected_ = {"1" + name, "2", "3", "4" + name};
  Lend(block);
  ExpectAllCuts();
}

// A sink may have use for little of what was read.
TEST_F(LentItemsTest, HoldLittleMoreOfMemoryThanIsSent) {
  std::vector<journal::SharedBlock> blocks;
  for (int i = 0; i < 64; ++i) {
    blocks.push_back(Read(std::to_string(i) + "x", 1, 5000));
    Lend(blocks.back());
  }
  size_t held = 0;
  for (const auto& block : blocks) held += block.use_count() > 1 ? block->capacity() : 0;
  EXPECT_LE(held, (4 << 20) + 2 * batch_.bytes());
  EXPECT_GE(held, 4u << 20);
  EXPECT_EQ(ItemsIn(RequestOf(batch_)), absl::StrJoin(expected_, " "));
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
