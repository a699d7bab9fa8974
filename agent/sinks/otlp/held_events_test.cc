#include "agent/sinks/otlp/held_events.h"

#include "gmock/gmock.h"
#include "tests/support/otlp/sink_fixture.h"

namespace sluice::otlp {
namespace {

using testing::EndRecord;
using testing::EventRecord;
using testing::StartRecord;
using ::testing::UnorderedElementsAre;
using testing::WholeRecord;

class HeldEventsTest : public OtlpSinkTest {};

// Feeds a span that is open with an event in it.
const std::vector<sluice::v1::Record> kOpenWithEvent = {StartRecord(1, 1, 0, "step"),
                                                        EventRecord("hello", 1, 1)};

TEST_F(HeldEventsTest, AnEventGoesOutWithTheSpanThatItIsIn) {
  Use();
  sluice::v1::Record warning = EventRecord("careful", 1, 1);
  warning.set_level(sluice::v1::LEVEL_WARN);
  warning.set_target("app::disk");
  testing::AddTextAttribute(&warning, "disk", "sda");
  Feed(5, {StartRecord(1, 1, 0, "step"), warning});
  EXPECT_TRUE(sink_->holds());
  EXPECT_EQ(sink_->pending_records(), 0u);
  Feed(5, {EndRecord(1, 1)});
  EXPECT_FALSE(sink_->holds());
  const auto request = SentTraces();
  const v1::Span& span = request.resource_spans(0).scope_spans(0).spans(0);
  ASSERT_EQ(span.events_size(), 1);
  EXPECT_EQ(span.events(0).name(), "careful");
  EXPECT_EQ(span.events(0).time_unix_nano(), 1'500'000'000u);
  std::map<std::string, std::string> attributes;
  for (const auto& one : span.events(0).attributes()) {
    attributes[one.key()] = one.value().string_value();
  }
  EXPECT_THAT(attributes,
              UnorderedElementsAre(std::pair("level", "WARN"), std::pair("target", "app::disk"),
                                   std::pair("disk", "sda")));
}

TEST_F(HeldEventsTest, AnEventOfItsOwnNameKeepsItsMessage) {
  Use();
  sluice::v1::Record named = EventRecord("text", 1, 1);
  named.mutable_event()->set_event_name("disk.full");
  testing::AddTextAttribute(&named, "level", "its own");
  named.mutable_event()->set_dropped_attributes_count(2);
  sluice::v1::Record number = EventRecord("", 1, 1);
  number.mutable_event()->mutable_body()->set_int_value(7);
  Feed(5, {StartRecord(1, 1), named, number, EndRecord(1, 1)});
  const auto request = SentTraces();
  const v1::Span& span = request.resource_spans(0).scope_spans(0).spans(0);
  ASSERT_EQ(span.events_size(), 2);
  EXPECT_EQ(span.events(0).name(), "disk.full");
  EXPECT_EQ(span.events(0).dropped_attributes_count(), 2u);
  ASSERT_EQ(span.events(0).attributes_size(), 3);
  EXPECT_EQ(span.events(0).attributes(0).key(), "message");
  EXPECT_EQ(span.events(0).attributes(0).value().string_value(), "text");
  EXPECT_EQ(span.events(0).attributes(2).value().string_value(), "its own");
  EXPECT_EQ(span.events(1).attributes(2).key(), "message");
  EXPECT_EQ(span.events(1).attributes(2).value().int_value(), 7);
}

TEST_F(HeldEventsTest, EventsAreLogRecordsWhereThatIsWanted) {
  options_.settings.events = EventsAs::kLog;
  Use();
  Feed(5, kOpenWithEvent);
  EXPECT_EQ(SentLogs().resource_logs_size(), 1);
  options_.settings.events = EventsAs::kBoth;
  Use();
  Feed(5, kOpenWithEvent);
  EXPECT_EQ(SentLogs().resource_logs_size(), 1);
  Feed(5, {EndRecord(1, 1)});
  const auto request = SentTraces();
  EXPECT_EQ(request.resource_spans(0).scope_spans(0).spans(0).events_size(), 1);
}

TEST_F(HeldEventsTest, AnotherUsersEventIsNoneOfASpan) {
  Use();
  Feed(0, {StartRecord(1, 1)});
  Feed(5, {EventRecord("hello", 1, 1)});
  const auto logs = SentLogs();
  ASSERT_EQ(logs.resource_logs_size(), 1);
  EXPECT_EQ(AttributesOf(logs.resource_logs(0).resource())["sluice.uid"], "5");
}

TEST_F(HeldEventsTest, AnEventWaitsAMinuteForItsSpan) {
  Use();
  Feed(5, kOpenWithEvent);
  clock_.Advance(std::chrono::seconds(59));
  EXPECT_FALSE(sink_->OnIdle());
  EXPECT_EQ(sink_->pending_records(), 0u);
  clock_.Advance(std::chrono::seconds(2));
  sink_->OnIdle();
  EXPECT_EQ(sink_->pending_records(), 1u);
  const auto logs = SentLogs();
  const v1::LogRecord& record = logs.resource_logs(0).scope_logs(0).log_records(0);
  EXPECT_EQ(record.span_id().back(), 1);
  EXPECT_EQ(record.body().string_value(), "hello");
  EXPECT_EQ(counters_.Total("otlp.events_as_logs", "age"), 1u);
  Feed(5, {EndRecord(1, 1)});
  EXPECT_EQ(SentTraces().resource_spans(0).scope_spans(0).spans(0).events_size(), 0);
}

TEST_F(HeldEventsTest, HoldsNoMoreThanAUserMayHave) {
  Use();
  std::vector<sluice::v1::Record> records{StartRecord(1, 1)};
  for (int i = 0; i < 100; ++i) records.push_back(EventRecord(std::string(20'000, 'e'), 1, 1));
  Feed(5, records);
  Feed(6, kOpenWithEvent);
  const uint64_t beyond = counters_.Total("otlp.events_as_logs", "limit");
  EXPECT_GT(beyond, 40u);
  EXPECT_LT(beyond, 60u);
  EXPECT_EQ(sink_->pending_records(), beyond) << "none of the other user's";
  Feed(5, {EndRecord(1, 1)});
  EXPECT_EQ(SentTraces().resource_spans(0).scope_spans(0).spans(0).events_size(),
            100 - static_cast<int>(beyond));
}

TEST_F(HeldEventsTest, AStartFindsHeldEventsInTheJournal) {
  const auto open = [] {
    disk::v1::JournalBatch batch = Batch(5);
    for (const auto& record : kOpenWithEvent) *batch.add_records() = record;
    *batch.add_records() = StartRecord(1, 2);
    *batch.add_records() = EventRecord("went out", 1, 2);
    *batch.add_records() = EndRecord(1, 2);
    *batch.add_records() = EventRecord("alone");
    return batch;
  }();
  Use();
  sink_->ReleaseHeld(true);  // a segment begins
  Feed(open, true);
  EXPECT_EQ(sink_->pending_records(), 0u);
  EXPECT_EQ(stream_->delivered(), 0u);
  EXPECT_TRUE(sink_->holds());
  Feed(5, {EndRecord(1, 1)});
  const auto request = SentTraces();
  ASSERT_EQ(request.resource_spans(0).scope_spans(0).spans_size(), 1);
  EXPECT_EQ(request.resource_spans(0).scope_spans(0).spans(0).events(0).name(), "hello");
  EXPECT_FALSE(sink_->holds());
}

TEST_F(HeldEventsTest, HoldsNothingBeyondASegment) {
  Use();
  Feed(5, kOpenWithEvent);
  sink_->ReleaseHeld(false);
  EXPECT_EQ(SentLogs().resource_logs_size(), 1);
  EXPECT_EQ(counters_.Total("otlp.events_as_logs", "segment"), 1u);
}

TEST_F(HeldEventsTest, LeavesOutTracesButNoFailures) {
  options_.settings.sample = {.share = 0};
  Use();
  sluice::v1::Record failed = WholeRecord(1, 2);
  failed.mutable_span()->mutable_status()->set_code(v1::Status::STATUS_CODE_ERROR);
  sluice::v1::Record error = EventRecord("broken", 1, 9);
  error.set_level(sluice::v1::LEVEL_ERROR);
  Feed(5, {WholeRecord(1, 1), failed, EventRecord("left out", 1, 9), error, EventRecord("alone")});
  EXPECT_EQ(counters_.Total("otlp.sampled_out", "otlp"), 2u);
  ASSERT_TRUE(sink_->Commit().ok());
  ASSERT_EQ(transport_->calls.size(), 2u);
  v1::ExportTraceServiceRequest traces;
  ASSERT_TRUE(traces.ParseFromString(transport_->calls[0].request));
  ASSERT_EQ(traces.resource_spans(0).scope_spans(0).spans_size(), 1);
  EXPECT_EQ(traces.resource_spans(0).scope_spans(0).spans(0).span_id().back(), 2);
  v1::ExportLogsServiceRequest logs;
  ASSERT_TRUE(logs.ParseFromString(transport_->calls[1].request));
  EXPECT_EQ(logs.resource_logs(0).scope_logs(0).log_records_size(), 2);
}

}  // namespace
}  // namespace sluice::otlp
