#include "proto/record/view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sluice/v1/record.pb.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;

constexpr char kTrace[] = "0123456789abcdef";
constexpr char kSpanIdBytes[] = "01234567";

v1::Record SpanRecord() {
  v1::Record record;
  record.set_kind(v1::RECORD_KIND_SPAN);
  record.set_level(v1::LEVEL_WARN);
  record.set_target("app::db");
  record.set_busy_ns(77);
  record.add_bare_attributes(1);
  record.add_bare_attributes(64);
  auto* span = record.mutable_span();
  span->set_trace_id(kTrace);
  span->set_span_id(kSpanIdBytes);
  span->set_parent_span_id("76543210");
  span->set_trace_state("a=b");
  span->set_name("query");
  span->set_kind(otlp::v1::Span::SPAN_KIND_CLIENT);
  span->set_start_time_unix_nano(1000);
  span->set_end_time_unix_nano(2000);
  span->set_flags(0x301);
  auto* attribute = span->add_attributes();
  attribute->set_key("rows");
  attribute->mutable_value()->set_int_value(-3);
  span->mutable_status()->set_code(otlp::v1::Status::STATUS_CODE_ERROR);
  span->mutable_status()->set_message("lost");
  return record;
}

TEST(RecordViewTest, ReadsASpan) {
  const std::string encoded = SpanRecord().SerializeAsString();
  const std::optional<RecordView> view = ReadRecord(encoded);
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->encoded, encoded);
  EXPECT_EQ(view->kind, RecordKind::kSpan);
  EXPECT_EQ(view->level, Level::kWarn);
  EXPECT_EQ(view->target, "app::db");
  EXPECT_EQ(view->busy_ns, 77u);
  EXPECT_TRUE(view->bare.Has(1) && view->bare.Has(64));
  EXPECT_FALSE(view->bare.Has(0) || view->bare.Has(2));
  EXPECT_EQ(view->trace_id().raw(), kTrace);
  EXPECT_EQ(view->span_id().raw(), kSpanIdBytes);
  EXPECT_EQ(view->span.parent_span_id.raw(), "76543210");
  EXPECT_EQ(view->span.trace_state, "a=b");
  EXPECT_EQ(view->span.name, "query");
  EXPECT_EQ(view->span.kind, 3);
  EXPECT_EQ(view->span.start_unix_nano, 1000u);
  EXPECT_EQ(view->span.end_unix_nano, 2000u);
  EXPECT_EQ(view->span.flags, 0x301u);
  EXPECT_EQ(view->span.status, StatusCode::kError);
  EXPECT_EQ(view->span.status_message, "lost");
}

TEST(RecordViewTest, ReadsAnEvent) {
  v1::Record record;
  auto* event = record.mutable_event();
  event->set_time_unix_nano(5);
  event->set_observed_time_unix_nano(6);
  event->set_severity_number(otlp::v1::SEVERITY_NUMBER_DEBUG2);
  event->set_severity_text("Debug");
  event->mutable_body()->set_string_value("hello");
  event->set_trace_id(kTrace);
  event->set_span_id(kSpanIdBytes);
  event->set_event_name("greeting");
  event->set_flags(1);
  const std::string encoded = record.SerializeAsString();
  const std::optional<RecordView> view = ReadRecord(encoded);
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->kind, RecordKind::kEvent);
  EXPECT_EQ(view->level, Level::kDebug) << "follows from the severity";
  EXPECT_EQ(view->event.time_unix_nano, 5u);
  EXPECT_EQ(view->event.severity_number, 6);
  EXPECT_EQ(view->event.severity_text, "Debug");
  EXPECT_EQ(view->event.message.text, "hello");
  EXPECT_EQ(view->event.event_name, "greeting");
  EXPECT_EQ(view->event.flags, 1u);
  EXPECT_EQ(view->trace_id().raw(), kTrace);
  EXPECT_EQ(view->span_id().raw(), kSpanIdBytes);
}

TEST(RecordViewTest, TakesTheObservedTimeWhereThereIsNoOther) {
  v1::Record record;
  record.mutable_event()->set_observed_time_unix_nano(6);
  EXPECT_EQ(ReadRecord(record.SerializeAsString())->event.time_unix_nano, 6u);
}

TEST(RecordViewTest, FillsKindAndLevelWhereTheyAreNotStated) {
  v1::Record span;
  span.mutable_span();
  const std::string encoded_span = span.SerializeAsString();
  EXPECT_EQ(ReadRecord(encoded_span)->kind, RecordKind::kSpan);
  EXPECT_EQ(ReadRecord(encoded_span)->level, Level::kInfo);
  v1::Record event;
  event.mutable_event();
  const std::string encoded_event = event.SerializeAsString();
  EXPECT_EQ(ReadRecord(encoded_event)->kind, RecordKind::kEvent);
  EXPECT_EQ(ReadRecord(encoded_event)->level, Level::kInfo);
}

TEST(RecordViewTest, PrefersTheStatedLevelToTheSeverity) {
  v1::Record record;
  record.set_level(v1::LEVEL_TRACE);
  record.mutable_event()->set_severity_number(otlp::v1::SEVERITY_NUMBER_ERROR);
  EXPECT_EQ(ReadRecord(record.SerializeAsString())->level, Level::kTrace);
}

TEST(RecordViewTest, RefusesABodyThatIsNotItsKinds) {
  v1::Record record;
  record.set_kind(v1::RECORD_KIND_EVENT);
  record.mutable_span();
  EXPECT_FALSE(ReadRecord(record.SerializeAsString()).has_value());
  record.set_kind(v1::RECORD_KIND_SPAN_END);
  record.mutable_event();
  EXPECT_FALSE(ReadRecord(record.SerializeAsString()).has_value());
  EXPECT_FALSE(ReadRecord("").has_value());
}

TEST(RecordViewTest, RefusesTwoBodies) {
  v1::Record span, event;
  span.mutable_span()->set_name("s");
  event.mutable_event()->set_event_name("e");
  EXPECT_FALSE(ReadRecord(span.SerializeAsString() + event.SerializeAsString()).has_value());
  EXPECT_FALSE(ReadRecord(span.SerializeAsString() + span.SerializeAsString()).has_value());
}

TEST(RecordViewTest, RefusesBrokenBytesAtEveryDepth) {
  v1::Record record = SpanRecord();
  const std::string encoded = record.SerializeAsString();
  EXPECT_FALSE(ReadRecord(encoded.substr(0, encoded.size() - 1)).has_value());
  EXPECT_FALSE(ReadRecord("\x32\x01\x0a").has_value()) << "a span that is cut off";
  EXPECT_FALSE(ReadRecord("\x32\x03\x7a\x01\x12").has_value()) << "a status that is cut off";
  EXPECT_FALSE(ReadRecord("\x22\x01\xff\x32\x01").has_value()) << "marks that are cut off";
}

TEST(SpanViewTest, TakesTheLastScalarOfConcatenatedBodies) {
  v1::Record whole = SpanRecord();
  otlp::v1::Span end;
  end.set_trace_id(kTrace);
  end.set_span_id(kSpanIdBytes);
  end.set_name("renamed");
  end.set_end_time_unix_nano(9000);
  end.mutable_status()->set_message("then so");
  auto* late = end.add_attributes();
  late->set_key("late");
  late->mutable_value()->set_bool_value(true);
  const std::string body = whole.span().SerializeAsString() + end.SerializeAsString();
  const std::optional<SpanView> span = ReadSpan(body);
  ASSERT_TRUE(span.has_value());
  EXPECT_EQ(span->name, "renamed");
  EXPECT_EQ(span->start_unix_nano, 1000u);
  EXPECT_EQ(span->end_unix_nano, 9000u);
  EXPECT_EQ(span->status, StatusCode::kError) << "statuses merge";
  EXPECT_EQ(span->status_message, "then so");
  std::vector<std::string> keys;
  for (const std::string_view attribute : span->attributes()) {
    keys.emplace_back(ReadAttribute(attribute).key);
  }
  EXPECT_THAT(keys, ElementsAre("rows", "late"));
}

TEST(ValueViewTest, ReadsEveryType) {
  const auto read = [](auto set) {
    otlp::v1::AnyValue value;
    set(value);
    static std::string encoded;
    encoded = value.SerializeAsString();
    return ReadValue(encoded);
  };
  using Type = ValueView::Type;
  EXPECT_EQ(read([](auto&) {}).type, Type::kEmpty);
  EXPECT_EQ(read([](auto& v) { v.set_string_value("x"); }).text, "x");
  EXPECT_EQ(read([](auto& v) { v.set_string_value(""); }).type, Type::kString);
  EXPECT_TRUE(read([](auto& v) { v.set_bool_value(true); }).bool_value);
  EXPECT_EQ(read([](auto& v) { v.set_int_value(-9); }).int_value, -9);
  EXPECT_EQ(read([](auto& v) { v.set_double_value(0.5); }).double_value, 0.5);
  EXPECT_EQ(read([](auto& v) { v.set_bytes_value("\x01"); }).type, Type::kBytes);
  const ValueView array = read([](auto& v) {
    v.mutable_array_value()->add_values()->set_int_value(1);
    v.mutable_array_value()->add_values()->set_int_value(2);
  });
  ASSERT_EQ(array.type, Type::kArray);
  std::vector<int64_t> numbers;
  for (const std::string_view part : FieldRange(array.text, 1)) {
    numbers.push_back(ReadValue(part).int_value);
  }
  EXPECT_THAT(numbers, ElementsAre(1, 2));
  const ValueView map = read([](auto& v) {
    auto* pair = v.mutable_kvlist_value()->add_values();
    pair->set_key("k");
    pair->mutable_value()->set_string_value("v");
  });
  ASSERT_EQ(map.type, Type::kMap);
  const AttributeView pair = ReadAttribute(*FieldRange(map.text, 1).begin());
  EXPECT_EQ(pair.key, "k");
  EXPECT_EQ(pair.value.text, "v");
}

TEST(BareMarksTest, IgnoresIndexesBeyondTheLimit) {
  BareMarks marks;
  marks.Set(127);
  marks.Set(128);
  marks.Set(UINT64_MAX);
  EXPECT_TRUE(marks.Has(127));
  EXPECT_FALSE(marks.Has(128));
  EXPECT_FALSE(marks.Has(UINT32_MAX));
}

TEST(LevelTest, FollowsFromTheSeverityAndBack) {
  EXPECT_EQ(LevelFromSeverity(0), Level::kUnspecified);
  for (const Level level :
       {Level::kError, Level::kWarn, Level::kInfo, Level::kDebug, Level::kTrace}) {
    const uint32_t lowest = SeverityFromLevel(level);
    EXPECT_EQ(LevelFromSeverity(lowest), level);
    EXPECT_EQ(LevelFromSeverity(lowest + 3), level);
    EXPECT_EQ(ParseLevel(LevelName(level)), level);
  }
  EXPECT_EQ(LevelFromSeverity(24), Level::kError);
  EXPECT_EQ(ParseLevel("wArN"), Level::kWarn);
  EXPECT_FALSE(ParseLevel("warning").has_value());
  EXPECT_FALSE(ParseLevel("").has_value());
}

}  // namespace
}  // namespace sluice
