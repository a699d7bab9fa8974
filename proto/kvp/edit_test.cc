#include "proto/kvp/edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/kvp/slot.h"

namespace sluice::kvp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = PoolEdit::Kind;

std::string Pool(std::vector<KeyValue> records) {
  return EncodeRecords({.kind = Kind::kLoad, .records = std::move(records)});
}

std::vector<std::string> Texts(std::string_view pool) {
  EXPECT_EQ(pool.size() % kRecordBytes, 0u);
  std::vector<std::string> texts;
  for (size_t at = 0; at < pool.size(); at += kRecordBytes) {
    const Pair pair = DecodeRecord(pool.substr(at, kRecordBytes));
    texts.push_back(std::string(pair.key) + "=" + std::string(pair.value));
  }
  return texts;
}

std::vector<KeyValue> Numbered(size_t count) {
  std::vector<KeyValue> records;
  for (size_t i = 0; i < count; ++i) records.push_back({"k" + std::to_string(i), "v"});
  return records;
}

PoolEdit Upsert(const std::string& key, const std::string& value) {
  return {.kind = Kind::kUpsert, .records = {{key, value}}};
}

TEST(CheckEditTest, HoldsToTheLimitsAndNamesThem) {
  const auto check = [](size_t key, size_t value, bool unsafe) {
    PoolEdit edit = Upsert(std::string(key, 'k'), std::string(value, 'v'));
    edit.unsafe = unsafe;
    return CheckEdit(edit);
  };
  EXPECT_EQ(check(254, 1022, false), "");
  EXPECT_EQ(check(255, 0, false), "KVP key length (255) exceeds maximum (254)");
  EXPECT_EQ(check(1, 1023, false), "KVP value length (1023) exceeds maximum (1022)");
  EXPECT_EQ(check(512, 2048, true), "");
  EXPECT_EQ(check(513, 0, true), "KVP key length (513) exceeds maximum (512)");
  EXPECT_EQ(check(1, 2049, true), "KVP value length (2049) exceeds maximum (2048)");
  EXPECT_EQ(check(0, 1, false), "KVP key must not be empty");
  EXPECT_EQ(CheckEdit(Upsert(std::string("a\0", 2), "")), "KVP key must not contain null bytes");
  EXPECT_EQ(CheckEdit(Upsert("a", std::string("\0", 1))), "KVP value must not contain null bytes");
  EXPECT_EQ(CheckEdit(Upsert("a\xff", "")), "KVP key is not valid UTF-8");
  EXPECT_EQ(CheckEdit(Upsert("a", "\xc3")), "KVP value is not valid UTF-8");
  EXPECT_EQ(CheckEdit({.kind = Kind::kRemove, .keys = {std::string(600, '\xff')}}), "");
  EXPECT_EQ(CheckEdit({.kind = Kind::kLoad, .records = Numbered(1024)}), "");
  EXPECT_EQ(CheckEdit({.kind = Kind::kLoad, .records = Numbered(1025)}),
            "KVP unique key count exceeded maximum (1024)");
}

TEST(ApplyEditTest, AnUpsertLeavesOneRecordWhereTheFirstWas) {
  const std::string pool = Pool({{"a", "1"}, {"k", "1"}, {"b", "2"}, {"k", "2"}, {"c", "3"}});
  EXPECT_THAT(Texts(ApplyEdit(Upsert("k", "new"), pool).records),
              ElementsAre("a=1", "k=new", "b=2", "c=3"));
  EXPECT_THAT(Texts(ApplyEdit(Upsert("d", "4"), Pool({{"a", "1"}})).records),
              ElementsAre("a=1", "d=4"));
}

TEST(ApplyEditTest, TheLastRecordMovesIntoAGap) {
  const EditedPool edited =
      ApplyEdit({.kind = Kind::kRemove, .keys = {"a", "z"}},
                Pool({{"a", "1"}, {"b", "2"}, {"c", "3"}, {"a", "4"}, {"d", "5"}}));
  EXPECT_THAT(Texts(edited.records), ElementsAre("d=5", "b=2", "c=3"));
  EXPECT_EQ(edited.removed, 2u);
  EXPECT_THAT(Texts(ApplyEdit({.kind = Kind::kClear}, Pool(Numbered(3))).records), IsEmpty());
}

TEST(ApplyEditTest, ANewKeyIsRefusedBeyond1024AndAnAppendIsNot) {
  const std::string full = Pool(Numbered(1024));
  EXPECT_EQ(ApplyEdit(Upsert("new", "v"), full).error,
            "KVP unique key count exceeded maximum (1024)");
  EXPECT_EQ(ApplyEdit(Upsert("k5", "v"), full).error, "");
  const PoolEdit append{.kind = Kind::kAppend, .records = {{"new", "v"}}};
  EXPECT_EQ(ApplyEdit(append, full).records.size(), 1025 * kRecordBytes);
}

}  // namespace
}  // namespace sluice::kvp
