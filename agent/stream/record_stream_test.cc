#include "agent/stream/record_stream.h"

#include "agent/live/origin_codec.h"
#include "gtest/gtest.h"
#include "tests/support/records.h"

namespace sluice::stream {
namespace {

using testing::EndRecord;
using testing::EventRecord;
using testing::StartRecord;
using testing::UpdateRecord;
using testing::WholeRecord;

std::shared_ptr<const filter::Filter> FilterOf(std::string_view text) {
  return filter::Filter::Parse(text, {}).filter;
}

// Feeds batches and keeps one line for each delivery.
class RecordStreamTest : public ::testing::Test {
 protected:
  void Use(std::string_view filter) {
    stream_ = std::make_unique<RecordStream>(
        FilterOf(filter), [this](const Delivery& delivery) { Note(delivery); },
        [](const RecordView& event, bool sender_is_host_root) {
          return sender_is_host_root && event.event.message.text == "report";
        });
  }

  void Note(const Delivery& delivery) {
    std::string line;
    if (delivery.kind == Delivery::Kind::kSpanOpened) line = "open ";
    if (delivery.kind == Delivery::Kind::kSpanClosed) line = "close ";
    if (delivery.kind == Delivery::Kind::kEvent) {
      line = std::string(delivery.record->event.message.text) + " in ";
    }
    line += delivery.span == nullptr ? "-" : delivery.span->name;
    lines_.push_back(line + " #" + std::to_string(delivery.sequence) + "." +
                     std::to_string(delivery.part));
    levels_.push_back(delivery.level);
  }

  void Feed(uid_t uid, const std::vector<v1::Record>& records, bool replayed = false) {
    FeedWith(
        uid, records, [this](const journal::Entry& entry) { stream_->Read(entry); }, replayed);
  }

  void FeedWith(uid_t uid, const std::vector<v1::Record>& records,
                const std::function<void(const journal::Entry&)>& read, bool replayed = false) {
    std::string encoded;
    journal::BatchHead head;
    head.uid = uid;
    head.pid = 7;
    head.received_boottime_nano = 1;
    head.sender_is_host_root = sender_is_host_root_;
    journal::AppendBatchHead(head, &encoded);
    v1::Batch batch;
    for (const v1::Record& record : records) *batch.add_records() = record;
    encoded += batch.SerializeAsString();
    journal::Entry entry;
    entry.sequence = ++sequence_;
    entry.uid = uid;
    entry.this_boot = true;
    entry.replayed = replayed;
    entry.batch = *journal::ReadBatch(encoded);
    read(entry);
  }

  std::unique_ptr<RecordStream> stream_;
  std::vector<std::string> lines_;
  std::vector<Level> levels_;  // of the same deliveries
  uint64_t sequence_ = 0;
  bool sender_is_host_root_ = false;
};

TEST_F(RecordStreamTest, DeliversSpansAndTheEventsInsideThem) {
  Use("info");
  Feed(5, {StartRecord(1, 1, 0, "outer"), EventRecord("hello", 1, 1), EventRecord("alone")});
  Feed(5, {EndRecord(1, 1)});
  EXPECT_EQ(lines_, (std::vector<std::string>{"open outer #1.0", "hello in outer #1.1",
                                              "alone in - #1.2", "close outer #2.0"}));
}

TEST_F(RecordStreamTest, AWholeSpanOpensAndCloses) {
  Use("info");
  Feed(5, {WholeRecord(1, 1)});
  EXPECT_EQ(lines_, (std::vector<std::string>{"open work #1.0", "close work #1.0"}));
  EXPECT_EQ(stream_->delivered(), 1u);
}

TEST_F(RecordStreamTest, AnEventNamesTheNearestSpanThatPassed) {
  Use("info,quiet=warn");
  v1::Record hidden = StartRecord(1, 2, 1, "hidden");
  hidden.set_target("quiet");
  Feed(5, {StartRecord(1, 1, 0, "outer"), hidden, EventRecord("hello", 1, 2)});
  EXPECT_EQ(lines_, (std::vector<std::string>{"open outer #1.0", "hello in outer #1.2"}));
  Feed(5, {EndRecord(1, 2), EndRecord(1, 1)});
  EXPECT_EQ(stream_->filtered(), 1u);
}

TEST_F(RecordStreamTest, DeliversReplayedEntriesWhereThatIsAskedFor) {
  Use("info");
  Feed(5, {StartRecord(1, 1, 0, "outer"), EventRecord("hello", 1, 1)}, true);
  EXPECT_TRUE(lines_.empty());
  stream_->DeliverReplayed(true);
  Feed(5, {EventRecord("again", 1, 1), WholeRecord(1, 3), EndRecord(1, 1)}, true);
  EXPECT_EQ(lines_, (std::vector<std::string>{"again in outer #2.0", "close outer #2.2"}));
  EXPECT_EQ(stream_->delivered(), 0u);
  EXPECT_EQ(stream_->filtered(), 0u);
}

v1::Record WithStatus(v1::Record record, otlp::v1::Status::StatusCode code) {
  record.mutable_span()->mutable_status()->set_code(code);
  record.mutable_span()->mutable_status()->set_message("why");
  return record;
}

v1::Record Failed(v1::Record record) {
  return WithStatus(std::move(record), otlp::v1::Status::STATUS_CODE_ERROR);
}

TEST_F(RecordStreamTest, TheEndOfAFailedSpanCountsAsAnError) {
  Use("error");
  Feed(5, {StartRecord(1, 1), Failed(EndRecord(1, 1)), Failed(WholeRecord(1, 2))});
  Feed(5, {StartRecord(1, 3), EndRecord(1, 3), WholeRecord(1, 4)});
  Feed(5, {StartRecord(1, 5), WithStatus(EndRecord(1, 5), otlp::v1::Status::STATUS_CODE_OK)});
  EXPECT_EQ(lines_, (std::vector<std::string>{"close work #1.1", "close work #1.2"}));
  EXPECT_EQ(levels_, (std::vector<Level>{Level::kError, Level::kError}));
  EXPECT_EQ(stream_->delivered(), 2u);
  EXPECT_EQ(stream_->filtered(), 3u);
}

TEST_F(RecordStreamTest, AFailedSpanThatPassesHasItsOwnLevelUntilItsEnd) {
  Use("info");
  Feed(5, {StartRecord(1, 1), Failed(EndRecord(1, 1)), Failed(WholeRecord(1, 2))});
  EXPECT_EQ(lines_, (std::vector<std::string>{"open work #1.0", "close work #1.1", "open work #1.2",
                                              "close work #1.2"}));
  EXPECT_EQ(levels_,
            (std::vector<Level>{Level::kInfo, Level::kError, Level::kInfo, Level::kError}));
}

TEST_F(RecordStreamTest, TheLastStatusOfASpanCounts) {
  Use("error");
  Feed(5, {StartRecord(1, 1), Failed(UpdateRecord(1, 1)), EndRecord(1, 1)});
  EXPECT_EQ(lines_, std::vector<std::string>{"close work #1.2"});
  Feed(5, {StartRecord(1, 2), Failed(UpdateRecord(1, 2)),
           WithStatus(EndRecord(1, 2), otlp::v1::Status::STATUS_CODE_OK)});
  EXPECT_EQ(lines_.size(), 1u) << "it recovered";
}

TEST_F(RecordStreamTest, AFailureDoesNotPassWhereAnErrorWouldNot) {
  for (const char* filter : {"off", "other=trace", "info,app=off"}) {
    Use(filter);
    Feed(5, {StartRecord(1, 1), Failed(EndRecord(1, 1)), Failed(WholeRecord(1, 2))});
    EXPECT_TRUE(lines_.empty()) << filter;
  }
}

TEST_F(RecordStreamTest, AFailureOpensNothingForWhatWasInside) {
  Use("error");
  Feed(5, {StartRecord(1, 1), EventRecord("hello", 1, 1), StartRecord(1, 2, 1, "inner"),
           Failed(EndRecord(1, 1)), EventRecord("after", 1, 2)});
  EXPECT_EQ(lines_, std::vector<std::string>{"close work #1.3"});
}

TEST_F(RecordStreamTest, AReplayedFailureIsNotToldAgain) {
  Use("error");
  Feed(5, {StartRecord(1, 1), Failed(EndRecord(1, 1)), Failed(WholeRecord(1, 2))},
       /*replayed=*/true);
  EXPECT_TRUE(lines_.empty());
}

TEST_F(RecordStreamTest, WhatIsTakenUnfilteredPassesEveryFilter) {
  Use("off");
  Feed(0, {EventRecord("report")});
  EXPECT_TRUE(lines_.empty());
  sender_is_host_root_ = true;
  Feed(0, {EventRecord("other"), EventRecord("report")});
  EXPECT_EQ(lines_, (std::vector<std::string>{"report in - #2.1"}));
}

TEST_F(RecordStreamTest, AnotherUsersSpanGivesNoContext) {
  Use("info");
  Feed(5, {StartRecord(1, 1, 0, "theirs")});
  Feed(6, {EventRecord("hello", 1, 1)});
  EXPECT_EQ(lines_.back(), "hello in - #2.0");
}

TEST_F(RecordStreamTest, AReplayedEntryOnlyRebuildsWhatIsOpen) {
  Use("info");
  Feed(5, {StartRecord(1, 1, 0, "outer"), EventRecord("old", 1, 1)}, /*replayed=*/true);
  EXPECT_TRUE(lines_.empty());
  Feed(5, {EventRecord("new", 1, 1)});
  EXPECT_EQ(lines_, std::vector<std::string>{"new in outer #2.0"});
}

TEST_F(RecordStreamTest, ASpanDirectiveOpensWhatIsInsideItsSpans) {
  Use("warn,[outer]=debug");
  v1::Record debug = EventRecord("detail", 1, 1);
  debug.set_level(v1::LEVEL_DEBUG);
  Feed(5, {StartRecord(1, 1, 0, "outer"), debug});
  EXPECT_EQ(lines_.back(), "detail in outer #1.1");
}

TEST_F(RecordStreamTest, ANewFilterJudgesOpenSpansAnew) {
  Use("warn");
  Feed(5, {StartRecord(1, 1, 0, "outer")});
  stream_->SetFilter(FilterOf("info"));
  Feed(5, {EventRecord("hello", 1, 1)});
  EXPECT_EQ(lines_, std::vector<std::string>{"hello in outer #2.0"});
}

TEST_F(RecordStreamTest, RestoresOpenSpansFromACheckpoint) {
  live::SpanTable spans;
  const std::string start = StartRecord(1, 1, 0, "outer").SerializeAsString();
  auto origin = std::make_shared<live::Origin>();
  origin->identity.uid = 5;
  spans.Open(*ReadRecord(start), origin, 0);
  std::string checkpoint;
  live::SaveOpenSpans(spans, &checkpoint);
  Use("info");
  stream_->Restore(checkpoint);
  Feed(5, {EventRecord("hello", 1, 1)});
  EXPECT_EQ(lines_, std::vector<std::string>{"hello in outer #1.0"});
}

TEST_F(RecordStreamTest, AnEntryInPiecesIsDeliveredAsInOne) {
  Use("info");
  std::vector<v1::Record> records;
  for (int i = 0; i < 5; ++i) records.push_back(EventRecord("e" + std::to_string(i)));
  Feed(5, records);
  const std::vector<std::string> at_once = std::exchange(lines_, {});
  --sequence_;
  std::vector<size_t> pieces;
  FeedWith(5, records, [&](const journal::Entry& entry) {
    stream_->Begin(entry);
    do {
      pieces.push_back(stream_->ReadSome(2));
    } while (pieces.back() == 2);
  });
  EXPECT_EQ(pieces, (std::vector<size_t>{2, 2, 1}));
  EXPECT_EQ(lines_, at_once);
}

TEST_F(RecordStreamTest, AForkGoesOnWithRootsSpansAndLeavesTheStreamAsItIs) {
  Use("info");
  Feed(0, {StartRecord(1, 1, 0, "outer"), StartRecord(1, 2, 1, "ended"),
           StartRecord(1, 3, 2, "inner"), EndRecord(1, 2)});
  Feed(5, {StartRecord(2, 1, 0, "users")});
  const std::unique_ptr<RecordStream> fork = stream_->ForkOfRoot();
  lines_.clear();
  const auto feed_fork = [&](uid_t uid, const std::vector<v1::Record>& records) {
    FeedWith(uid, records, [&](const journal::Entry& entry) { fork->Read(entry); });
  };
  feed_fork(0, {EventRecord("r", 1, 3), EndRecord(1, 3), EndRecord(1, 1), EventRecord("u", 2, 1)});
  EXPECT_EQ(lines_, (std::vector<std::string>{"r in inner #3.0", "close inner #3.1",
                                              "close outer #3.2", "u in - #3.3"}));
  EXPECT_EQ(fork->delivered(), 4u);
  lines_.clear();
  Feed(5, {EventRecord("within root's", 1, 3), EventRecord("own", 2, 1)});
  Feed(0, {EndRecord(1, 3)}, /*replayed=*/true);
  Feed(5, {EventRecord("after", 1, 3)});
  EXPECT_EQ(lines_, (std::vector<std::string>{"within root's in inner #4.0", "own in users #4.1",
                                              "after in - #6.0"}));
}

TEST_F(RecordStreamTest, AForkJudgesByWhatItsSpansSaidBefore) {
  Use("off,[{late}]=info");
  Feed(0, {StartRecord(1, 1, 0, "outer")});
  v1::Record update = UpdateRecord(1, 1);
  testing::AddTextAttribute(&update, "late", "x");
  Feed(0, {update});
  const std::unique_ptr<RecordStream> fork = stream_->ForkOfRoot();
  lines_.clear();
  FeedWith(0, {EventRecord("inside", 1, 1)},
           [&](const journal::Entry& entry) { fork->Read(entry); });
  EXPECT_EQ(lines_, std::vector<std::string>{"inside in outer #3.0"});
}

v1::Record WholeWithEvents(const std::vector<std::string>& names) {
  v1::Record record = WholeRecord(1, 1);
  for (const std::string& name : names) record.mutable_span()->add_events()->set_name(name);
  return record;
}

TEST_F(RecordStreamTest, DeliversTheEventsWithinAWholeSpan) {
  Use("info");
  v1::Record record = WholeWithEvents({"first", "quiet", "second"});
  auto* const level = record.mutable_span()->mutable_events(1)->add_attributes();
  level->set_key("level");
  level->mutable_value()->set_string_value("debug");
  Feed(7, {record});
  EXPECT_EQ(lines_, (std::vector<std::string>{"open work #1.0", "first in work #1.0",
                                              "second in work #1.0", "close work #1.0"}));
  EXPECT_EQ(stream_->filtered(), 1u);
}

TEST_F(RecordStreamTest, DeliversEventsWithinASpanThatDoesNotPass) {
  Use("error");
  v1::Record record = WholeWithEvents({"bad"});
  auto* const level = record.mutable_span()->mutable_events(0)->add_attributes();
  level->set_key("level");
  level->mutable_value()->set_string_value("error");
  Feed(7, {record});
  EXPECT_EQ(lines_, (std::vector<std::string>{"bad in - #1.0"}));
}

TEST_F(RecordStreamTest, ShowsNoMoreEventsOfASpanThanItsLimit) {
  Use("info");
  Feed(7, {WholeWithEvents(std::vector<std::string>(limits::kSpanEventsShown + 1, "e"))});
  EXPECT_EQ(lines_.size(), limits::kSpanEventsShown + 2);
}

}  // namespace
}  // namespace sluice::stream
