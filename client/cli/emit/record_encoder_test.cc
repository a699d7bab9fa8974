#include "client/cli/emit/record_encoder.h"

#include <gtest/gtest.h>

#include "proto/record/check.h"
#include "sluice/v1/ingest.pb.h"

namespace sluice::cli {
namespace {

using otlp::v1::Span;

SpanStart MakeStart() {
  SpanStart start;
  start.level = Level::kDebug;
  start.target = "app::x";
  start.name = "build";
  start.start_unix_nano = 1000;
  start.trace_id = *TraceId::FromHex("4bf92f3577b34da6a3ce929d0e0e4736");
  start.span_id = *SpanId::FromHex("00f067aa0ba902b7");
  start.trace_flags = 1;
  start.trace_state = "a=b";
  start.attributes = {{"text", std::string("t")},
                      {"yes", true},
                      {"n", int64_t{-5}},
                      {"half", 0.5},
                      {"args", std::vector<std::string>{"make", "", "-j2"}}};
  return start;
}

SpanEnd MakeEnd() {
  SpanEnd end;
  end.end_unix_nano = 3000;
  end.status = StatusCode::kError;
  end.status_message = "exit status 2";
  end.attributes = {{"process.exit.code", int64_t{2}}};
  return end;
}

v1::Record Parse(const std::string& encoded) {
  EXPECT_EQ(CheckRecord(encoded).fault, RecordFault::kNone);
  EXPECT_FALSE(CheckRecord(encoded).flaws.any());
  v1::Record record;
  EXPECT_TRUE(record.ParseFromString(encoded));
  return record;
}

TEST(RecordEncoderTest, StartHoldsAllThatIsKnownAtTheStart) {
  const v1::Record record = Parse(EncodeSpanStart(MakeStart()));
  EXPECT_EQ(record.kind(), v1::RECORD_KIND_SPAN_START);
  EXPECT_EQ(record.level(), v1::LEVEL_DEBUG);
  EXPECT_EQ(record.target(), "app::x");
  const Span& span = record.span();
  EXPECT_EQ(span.name(), "build");
  EXPECT_EQ(span.trace_state(), "a=b");
  EXPECT_EQ(span.start_time_unix_nano(), 1000u);
  EXPECT_EQ(span.end_time_unix_nano(), 0u);
  EXPECT_EQ(span.kind(), Span::SPAN_KIND_INTERNAL);
  EXPECT_EQ(span.flags(), 1u);
  EXPECT_TRUE(span.parent_span_id().empty());
}

TEST(RecordEncoderTest, AttributesKeepOrderAndTypes) {
  const v1::Record record = Parse(EncodeSpanStart(MakeStart()));
  const auto& attributes = record.span().attributes();
  ASSERT_EQ(attributes.size(), 5);
  EXPECT_EQ(attributes[0].value().string_value(), "t");
  EXPECT_TRUE(attributes[1].value().bool_value());
  EXPECT_EQ(attributes[2].value().int_value(), -5);
  EXPECT_EQ(attributes[3].value().double_value(), 0.5);
  const auto& args = attributes[4].value().array_value().values();
  ASSERT_EQ(args.size(), 3);
  EXPECT_EQ(args[1].string_value(), "");
  EXPECT_EQ(args[2].string_value(), "-j2");
}

TEST(RecordEncoderTest, WhatIsAddedLaterIsAnUpdateOfItsIdsAlone) {
  const SpanStart start = MakeStart();
  const v1::Record attributes =
      Parse(EncodeSpanAttributes(start, std::vector<Attribute>{{"n", int64_t{1}}}));
  EXPECT_EQ(attributes.kind(), v1::RECORD_KIND_SPAN_UPDATE);
  EXPECT_EQ(attributes.span().span_id(), start.span_id.raw());
  EXPECT_TRUE(attributes.span().name().empty());
  ASSERT_EQ(attributes.span().attributes_size(), 1);
  const v1::Record event = Parse(EncodeSpanEvent(start, {7, "mounted", {{"disk", "sda"}}}));
  EXPECT_EQ(event.kind(), v1::RECORD_KIND_SPAN_UPDATE);
  ASSERT_EQ(event.span().events_size(), 1);
  EXPECT_EQ(event.span().events(0).time_unix_nano(), 7u);
  EXPECT_EQ(event.span().events(0).name(), "mounted");
  EXPECT_EQ(event.span().events(0).attributes_size(), 1);
}

TEST(RecordEncoderTest, AWholeSpanIsItsStartAndItsEnd) {
  SpanStart start = MakeStart();
  start.kind = 3;
  const v1::Record whole = Parse(EncodeSpan(start, MakeEnd()));
  EXPECT_EQ(whole.kind(), v1::RECORD_KIND_SPAN);
  EXPECT_EQ(whole.span().kind(), Span::SPAN_KIND_CLIENT);
  Span merged = Parse(EncodeSpanStart(start)).span();
  merged.MergeFrom(Parse(EncodeSpanEnd(start, MakeEnd())).span());
  EXPECT_EQ(whole.span().SerializeAsString(), merged.SerializeAsString());
}

TEST(RecordEncoderTest, ARequestNamesWhoseEndEndsItsSpans) {
  v1::EmitRequest request;
  ASSERT_TRUE(request.ParseFromString(EncodeEmitRequest({}, 1, {}, {})));
  EXPECT_FALSE(request.has_owner());
  ASSERT_TRUE(request.ParseFromString(EncodeEmitRequest({}, 1, {}, {}, SpanOwner{42, 777, 90})));
  EXPECT_EQ(request.owner().pid(), 42);
  EXPECT_EQ(request.owner().start_time_ticks(), 777u);
  EXPECT_EQ(request.owner().ttl_ms(), 90u);
  ASSERT_TRUE(request.ParseFromString(EncodeEmitRequest({}, 1, {}, {}, SpanOwner{})));
  EXPECT_TRUE(request.has_owner());
}

TEST(RecordEncoderTest, AParentIsMarkedRemote) {
  SpanStart start = MakeStart();
  start.parent_span_id = *SpanId::FromHex("b7ad6b7169203331");
  const v1::Record record = Parse(EncodeSpanStart(start));
  EXPECT_EQ(record.span().parent_span_id(), start.parent_span_id.raw());
  EXPECT_EQ(record.span().flags(), 0x301u);
}

TEST(RecordEncoderTest, StartAndEndMergeToTheWhole) {
  v1::Record merged = Parse(EncodeSpanStart(MakeStart()));
  merged.mutable_span()->MergeFrom(Parse(EncodeSpanEnd(MakeStart(), MakeEnd())).span());
  EXPECT_EQ(merged.span().name(), MakeStart().name);
  EXPECT_EQ(merged.span().start_time_unix_nano(), MakeStart().start_unix_nano);
  EXPECT_EQ(merged.span().end_time_unix_nano(), MakeEnd().end_unix_nano);
  EXPECT_EQ(merged.span().attributes_size(),
            static_cast<int>(MakeStart().attributes.size() + MakeEnd().attributes.size()));
  EXPECT_EQ(merged.span().status().message(), "exit status 2");
}

TEST(RecordEncoderTest, AnEventHoldsItsMessageAndItsPlace) {
  Event event;
  event.level = Level::kWarn;
  event.target = "t";
  event.name = "disk.full";
  event.message = "disk full";
  event.time_unix_nano = 7;
  event.trace_id = MakeStart().trace_id;
  event.span_id = MakeStart().span_id;
  event.trace_flags = 1;
  event.attributes = {{"n", int64_t{1}}};
  const v1::Record record = Parse(EncodeEvent(event));
  EXPECT_EQ(record.kind(), v1::RECORD_KIND_EVENT);
  EXPECT_EQ(record.event().severity_number(), 13);
  EXPECT_EQ(record.event().severity_text(), "WARN");
  EXPECT_EQ(record.event().body().string_value(), "disk full");
  EXPECT_EQ(record.event().event_name(), "disk.full");
  EXPECT_EQ(record.event().span_id(), event.span_id.raw());
  EXPECT_EQ(record.event().attributes_size(), 1);
}

TEST(RecordEncoderTest, AnEventOutsideAnySpanHasNoIds) {
  const v1::Record record = Parse(EncodeEvent({.message = "m", .time_unix_nano = 1}));
  EXPECT_TRUE(record.event().trace_id().empty());
  EXPECT_TRUE(record.event().span_id().empty());
}

TEST(RecordEncoderTest, TheRequestCarriesClientIdAndSequence) {
  const std::vector<std::string> records = {EncodeSpanStart(MakeStart()),
                                            EncodeSpanEnd(MakeStart(), MakeEnd())};
  ClientId client_id;
  client_id.bytes[0] = 9;
  const std::vector<Attribute> resource = {{"service.name", std::string("s")}};
  v1::EmitRequest request;
  ASSERT_TRUE(
      request.ParseFromString(EncodeEmitRequest(client_id, 2, records, EncodeResource(resource))));
  EXPECT_EQ(request.batch().first_sequence(), 2u);
  EXPECT_EQ(request.batch().records_size(), 2);
  EXPECT_EQ(request.client_id(), client_id.raw());
  EXPECT_EQ(request.resource().attributes(0).value().string_value(), "s");
}

// Lengths beyond what was reserved for them are moved, not cut.
TEST(RecordEncoderTest, TakesLongText) {
  SpanStart start = MakeStart();
  start.attributes = {{"args", std::vector<std::string>{std::string(60'000, 'x')}}};
  const v1::Record record = Parse(EncodeSpanStart(start));
  EXPECT_EQ(record.span().attributes(0).value().array_value().values(0).string_value().size(),
            60'000u);
}

}  // namespace
}  // namespace sluice::cli
