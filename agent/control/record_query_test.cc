#include "agent/control/record_query.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/records.h"
#include "tests/support/started_journal.h"
#include "tests/support/temp_directory.h"

namespace sluice::control {
namespace {

using sluice::testing::EventRecord;
using sluice::testing::WholeRecord;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Keeps what it is sent.
class KeptAnswer final : public AnswerStream {
 public:
  bool Send(std::string message) override {
    v1::RecordsResponse response;
    response.ParseFromString(message);
    for (const v1::StoredRecord& stored : response.records()) {
      texts.push_back(stored.record().has_event() ? stored.record().event().body().string_value()
                                                  : stored.record().span().name());
    }
    return true;
  }
  bool IsOver() override {
    ++asked;
    return is_over;
  }
  void WhenOver(std::function<void()>) override {}
  bool OnLoop(const std::function<void()>& work) override {
    work();
    return true;
  }

  std::vector<std::string> texts;
  bool is_over = false;
  int asked = 0;
};

class RecordQueryTest : public ::testing::Test {
 protected:
  RecordQueryTest() : journal_(sluice::testing::StartJournal(directory_.path(), &counters_)) {}

  void Write(const std::vector<v1::Record>& records, uid_t uid = 5) {
    sluice::testing::AppendBatch(journal_.get(), uid, records);
  }

  void Ask(const v1::RecordsRequest& request, KeptAnswer* answer) {
    const auto producer = QueryRecords(journal_.get(), request, 5);
    ASSERT_TRUE(producer.ok()) << producer.status();
    EXPECT_TRUE((*producer)(*answer).ok());
  }

  sluice::testing::TempDirectory directory_;
  Counters counters_;
  std::unique_ptr<journal::Journal> journal_;
};

TEST_F(RecordQueryTest, GivesTheNewestFromWithinAnEntryOn) {
  Write({EventRecord("a"), EventRecord("b"), EventRecord("c")});
  Write({EventRecord("another's")}, 6);
  Write({EventRecord("d")});
  v1::RecordsRequest request;
  const std::vector<std::string> all = {"a", "b", "c", "d"};
  for (const size_t limit : {1, 2, 3, 4, 10}) {
    request.set_limit(limit);
    KeptAnswer answer;
    Ask(request, &answer);
    const auto begin = limit < all.size() ? all.end() - limit : all.begin();
    EXPECT_EQ(answer.texts, std::vector<std::string>(begin, all.end()));
  }
  request.set_limit(2);
  request.set_after_sequence(1);
  KeptAnswer answer;
  Ask(request, &answer);
  EXPECT_THAT(answer.texts, ElementsAre("d"));
}

TEST_F(RecordQueryTest, GivesWhatComesAfterAnEntryToTheEnd) {
  Write({EventRecord("a"), EventRecord("b")});
  Write({EventRecord("c"), EventRecord("d")});
  v1::RecordsRequest request;
  KeptAnswer all;
  Ask(request, &all);
  EXPECT_THAT(all.texts, ElementsAre("a", "b", "c", "d"));
  request.set_after_sequence(1);
  KeptAnswer rest;
  Ask(request, &rest);
  EXPECT_THAT(rest.texts, ElementsAre("c", "d"));
  request.set_after_sequence(UINT64_MAX);
  KeptAnswer none;
  Ask(request, &none);
  EXPECT_THAT(none.texts, IsEmpty());
}

TEST_F(RecordQueryTest, EndsAtTheNextEntryWhenNobodyListens) {
  for (int i = 0; i < 50; ++i) Write({WholeRecord(1, 1)});
  for (const int limit : {0, 10}) {
    v1::RecordsRequest request;
    request.set_limit(limit);
    KeptAnswer answer;
    answer.is_over = true;
    Ask(request, &answer);
    EXPECT_THAT(answer.texts, IsEmpty());
    EXPECT_EQ(answer.asked, 1);
  }
}

}  // namespace
}  // namespace sluice::control
