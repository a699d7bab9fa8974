// What is judged and mended of OTLP's own messages.
#include <gtest/gtest.h>

#include <string>

#include "proto/record/check.h"
#include "proto/record/limits.h"
#include "proto/record/repair.h"
#include "sluice/otlp/v1/common.pb.h"
#include "sluice/otlp/v1/logs.pb.h"
#include "sluice/otlp/v1/resource.pb.h"
#include "sluice/otlp/v1/trace.pb.h"

namespace sluice {
namespace {

using AnyOtlpValue = otlp::v1::AnyValue;
using otlp::v1::InstrumentationScope;
using otlp::v1::LogRecord;
using OtlpResource = otlp::v1::Resource;
using otlp::v1::Span;

Span SoundSpan() {
  Span span;
  span.set_trace_id("0123456789abcdef");
  span.set_span_id("01234567");
  span.set_name("work");
  span.set_start_time_unix_nano(1);
  span.set_end_time_unix_nano(2);
  return span;
}

RecordVerdict Check(const Span& span, std::string_view scope = "app") {
  return CheckBareSpan(span.SerializeAsString(), scope);
}
RecordVerdict Check(const LogRecord& event) {
  return CheckBareEvent(event.SerializeAsString(), "app");
}

template <typename Message>
void AddText(Message* message, const std::string& key, const std::string& value) {
  auto* const attribute = message->add_attributes();
  attribute->set_key(key);
  attribute->mutable_value()->set_string_value(value);
}

AnyOtlpValue NestedValue(int depth) {
  AnyOtlpValue value;
  AnyOtlpValue* at = &value;
  for (int i = 0; i < depth; ++i) at = at->mutable_array_value()->add_values();
  at->set_int_value(1);
  return value;
}

TEST(CheckBareSpanTest, ReadsKindLevelAndTarget) {
  Span span = SoundSpan();
  EXPECT_EQ(Check(span).view.kind, RecordKind::kSpan);
  EXPECT_EQ(Check(span).view.level, Level::kInfo);
  EXPECT_EQ(Check(span).view.target, "app");
  AddText(&span, "level", "warn");
  EXPECT_EQ(Check(span).view.level, Level::kWarn);
  const std::string long_name(limits::kTargetBytes + 1, 'n');
  EXPECT_EQ(Check(span, long_name).view.target.size(), limits::kTargetBytes);
}

TEST(CheckBareSpanTest, NamesWhatIsWrong) {
  const auto fault = [](auto change) {
    Span span = SoundSpan();
    change(span);
    return Check(span).fault;
  };
  EXPECT_EQ(fault([](Span& span) { span.clear_trace_id(); }), RecordFault::kBadTraceId);
  EXPECT_EQ(fault([](Span& span) { span.set_trace_id(std::string(16, '\0')); }),
            RecordFault::kBadTraceId);
  EXPECT_EQ(fault([](Span& span) { span.set_trace_id("short"); }), RecordFault::kBadTraceId);
  EXPECT_EQ(fault([](Span& span) { span.set_span_id("0123456789"); }), RecordFault::kBadSpanId);
  EXPECT_EQ(fault([](Span& span) { span.set_parent_span_id("0"); }), RecordFault::kBadParentId);
  EXPECT_EQ(fault([](Span& span) { span.add_links()->set_span_id("0"); }), RecordFault::kBadSpanId);
  EXPECT_EQ(fault([](Span& span) { span.clear_start_time_unix_nano(); }), RecordFault::kBadTime);
  EXPECT_EQ(fault([](Span& span) { span.clear_end_time_unix_nano(); }), RecordFault::kBadTime);
  EXPECT_EQ(CheckBareSpan("\x0a\x7f", "").fault, RecordFault::kMalformed);
}

TEST(CheckBareSpanTest, HasOtlpsLimits) {
  Span span = SoundSpan();
  for (size_t i = 0; i < 2 * limits::kAttributes; ++i) AddText(&span, "k", "v");
  EXPECT_FALSE(Check(span).flaws.any());
  *span.add_attributes()->mutable_value() = NestedValue(limits::kOtlpValueDepth);
  EXPECT_EQ(Check(span).fault, RecordFault::kNone);
  *span.mutable_attributes()->rbegin()->mutable_value() = NestedValue(limits::kOtlpValueDepth + 1);
  EXPECT_EQ(Check(span).fault, RecordFault::kMalformed);

  span = SoundSpan();
  const size_t rest = span.ByteSizeLong();
  span.set_name(std::string(limits::kOtlpItemBytes - rest, 'n'));
  while (span.ByteSizeLong() > limits::kOtlpItemBytes) span.mutable_name()->pop_back();
  EXPECT_EQ(Check(span).fault, RecordFault::kNone);
  span.mutable_name()->append("four");
  EXPECT_EQ(Check(span).fault, RecordFault::kTooLarge);
}

TEST(CheckBareSpanTest, CountsEveryReservedAttribute) {
  Span span = SoundSpan();
  // So many as a count of 16 bits takes for none.
  for (int i = 0; i < 65'536; ++i) span.add_attributes()->set_key("sluice.");
  EXPECT_EQ(Check(span).flaws.reserved_attributes, 65'536u);
  Span mended;
  ASSERT_TRUE(mended.ParseFromString(RepairBareSpan(span.SerializeAsString())));
  EXPECT_EQ(mended.SerializeAsString(), SoundSpan().SerializeAsString());
}

TEST(CheckBareEventTest, TakesIdsThatAreNoneForAbsent) {
  const auto mended = [](const std::string& trace, const std::string& span) {
    LogRecord event;
    event.set_trace_id(trace);
    event.set_span_id(span);
    event.mutable_body()->set_string_value("hello");
    const RecordVerdict verdict = Check(event);
    EXPECT_EQ(verdict.fault, RecordFault::kNone);
    LogRecord repaired;
    EXPECT_TRUE(repaired.ParseFromString(RepairBareEvent(event.SerializeAsString())));
    EXPECT_EQ(repaired.body().string_value(), "hello");
    EXPECT_EQ(verdict.flaws.bad_ids, repaired.trace_id() != trace || repaired.span_id() != span);
    EXPECT_EQ(verdict.view.event.trace_id.IsZero(), repaired.trace_id().empty());
    EXPECT_EQ(verdict.view.event.span_id.IsZero(), repaired.span_id().empty());
    EXPECT_FALSE(CheckBareEvent(repaired.SerializeAsString(), "").flaws.any());
    return std::to_string(repaired.trace_id().size()) + " " +
           std::to_string(repaired.span_id().size());
  };
  const std::string trace = "0123456789abcdef", span = "01234567";
  EXPECT_EQ(mended(trace, span), "16 8");
  EXPECT_EQ(mended("", ""), "0 0");
  EXPECT_EQ(mended(trace, std::string(8, '\0')), "16 0");
  EXPECT_EQ(mended(trace, "odd"), "16 0");
  EXPECT_EQ(mended(std::string(16, '\0'), span), "0 0");
  EXPECT_EQ(mended("odd", span), "0 0");
  EXPECT_EQ(mended("", span), "0 0");
}

TEST(CheckBareEventTest, ReadsTheLevelFromTheSeverity) {
  LogRecord event;
  EXPECT_EQ(Check(event).view.level, Level::kInfo);
  event.set_severity_number(otlp::v1::SEVERITY_NUMBER_WARN2);
  EXPECT_EQ(Check(event).view.level, Level::kWarn);
}

TEST(RepairOtlpResourceTest, LeavesOutTheLargestAndCountsThem) {
  OtlpResource resource;
  AddText(&resource, "service.name", "app");
  for (int i = 0; i < 3; ++i) AddText(&resource, "process.command_args", std::string(40'000, 'x'));
  AddText(&resource, "sluice.uid", "0");
  resource.set_dropped_attributes_count(4);
  EXPECT_TRUE(CheckOtlpResource(resource.SerializeAsString()).flawed);
  uint32_t left_out = 0;
  const std::string mended = RepairOtlpResource(resource.SerializeAsString(), &left_out);
  EXPECT_LE(mended.size(), limits::kOtlpEnvelopeBytes);
  EXPECT_EQ(left_out, 2u);
  OtlpResource read;
  ASSERT_TRUE(read.ParseFromString(mended));
  EXPECT_EQ(read.attributes_size(), 2);
  EXPECT_EQ(read.attributes(0).key(), "service.name");
  EXPECT_EQ(read.dropped_attributes_count(), 6u);
}

TEST(RepairOtlpResourceTest, MendsTextOfEntities) {
  OtlpResource resource;
  resource.add_entity_refs()->set_type("service");
  std::string encoded = resource.SerializeAsString();
  encoded[encoded.find("service")] = '\xff';
  const ResourceVerdict verdict = CheckOtlpResource(encoded);
  EXPECT_TRUE(verdict.sound && verdict.flawed);
  uint32_t left_out = 0;
  const std::string mended = RepairOtlpResource(encoded, &left_out);
  EXPECT_FALSE(CheckOtlpResource(mended).flawed);
  EXPECT_NE(mended.find("\xef\xbf\xbd"
                        "ervice"),
            std::string::npos);
}

TEST(RepairOtlpScopeTest, MendsTextAndDropsReservedAttributes) {
  InstrumentationScope scope;
  scope.set_name("lib");
  AddText(&scope, "sluice.unit", "x");
  AddText(&scope, "kept", "x");
  std::string encoded = scope.SerializeAsString();
  EXPECT_TRUE(CheckOtlpScope(encoded).flawed);
  ASSERT_TRUE(scope.ParseFromString(RepairOtlpScope(encoded)));
  ASSERT_EQ(scope.attributes_size(), 1);
  EXPECT_EQ(scope.attributes(0).key(), "kept");
  EXPECT_FALSE(CheckOtlpScope("\x08\x01").sound) << "a number where the name stands";
}

}  // namespace
}  // namespace sluice
